# SPDX-License-Identifier: Apache-2.0 OR MIT
# The front door: every target is one script or one command.
.DEFAULT_GOAL := help
.PHONY: help run test check debs image image-raspios release boot boot-test boot-test-pi bench bench-quick bench-durable bench-logins bench-image durability fuzz mutants soak clean

help: ## Shows this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

run: ## Builds and runs the broker here with the sample broker.toml; Ctrl-C stops it
	deploy/run

test: ## Runs every test that needs neither root nor the image
	tests/run

check: ## Checks format, lints, dependency policy and house rules
	.ci/check

debs: ## Builds the Debian packages, for this machine and for the Pi (target/debs)
	deploy/debs

image: debs ## Builds the SD-card image for the Raspberry Pi (target/image)
	image/assemble

image-raspios: debs ## Builds the image that is released, Raspberry Pi OS by pi-gen, as root (PI_GEN=CHECKOUT, STANDINS=1 for a test image, AGAIN=1)
	image/raspios $(if $(STANDINS),--standins) $(if $(AGAIN),--again) $(if $(RESUME),--resume) $(if $(WORK),--work $(WORK))

release: ## Makes everything that is published, as root (RELEASE_URL=https://…, RELEASE_KEY=fingerprint or throwaway, IMAGE=card image, DEBS=folder)
	image/release $(if $(RELEASE_URL),--url $(RELEASE_URL)) $(if $(RELEASE_KEY),--key $(RELEASE_KEY)) $(if $(IMAGE),--image $(IMAGE)) $(if $(DEBS),--debs $(DEBS)) $(if $(FRESH),--fresh) $(if $(LEVEL),--level $(LEVEL))

boot: image ## Boots a copy of the image in QEMU, with its ports on this machine
	image/boot

boot-test: $(if $(IMAGE),,image) ## Boots the image in QEMU, judges what it does, and cuts the power of a start at 50 points; IMAGE=path judges another one (as root)
	tests/image/run
	$(if $(IMAGE),,tests/cuts/run 50)

boot-test-pi: $(if $(IMAGE),,image) ## Boots the image on QEMU's Raspberry Pi 3, which is slow (as root)
	tests/image/run pi3

bench: ## Measures everything beside every broker that can be had (SCENARIOS="names" for less, PEERS="flashmq=PROGRAM" for more)
	tests/bench/run $(foreach peer,$(PEERS),--peer $(peer)) $(SCENARIOS)

bench-quick: ## Measures the most important in two minutes, beside Mosquitto; fails only on lost, doubled or reordered messages
	tests/bench/run --quick

bench-durable: ## Measures durable messages, flushes and bytes on a file system of their own, and the time of a start; as root
	tests/bench/durable/run

bench-logins: ## Measures what it costs until 300 clients are logged in again after a restart, beside Mosquitto
	tests/bench/logins/run

bench-image: ## Boots the image beside a Debian with Mosquitto in it, and compares size, memory and time; as root (BOOTS=3)
	tests/image/compare.py $(if $(BOOTS),--boots $(BOOTS))

durability: ## Kills the broker and cuts its power under load, and names what was acknowledged and is lost, beside Mosquitto
	tests/durability/run

fuzz: ## Looks for bytes that break the broker, a minute for each target
	tests/fuzz/run

mutants: ## Breaks the code in many ways, one by one, and names the test that notices
	tests/mutants/run

soak: ## Runs the tests that take too long for every change
	tests/soak/run

clean: ## Removes everything that was built
	cargo clean
