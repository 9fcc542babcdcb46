# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The cases of the matrix with mosquitto_pub, mosquitto_sub and mosquitto_rr; see cases.py."""

import subprocess
import time

from cases import FIVE, HOST, PASSWORD, PATIENCE, PORT, TRANSPORT, USER, VERSION, Cannot, check, report_all

TOP = f"mosquitto/{TRANSPORT}/{VERSION}"
PROTOCOL = {"3.1": "mqttv31", "3.1.1": "mqttv311", "5.0": "mqttv5"}[VERSION]
PLACE = ["--unix", HOST] if TRANSPORT == "unix" else ["-h", HOST, "-p", str(PORT)]


def command(program, *arguments, user=USER, password=PASSWORD):
    return [program, *PLACE, "-V", PROTOCOL, "-u", user, "-P", password, *arguments]


def run(program, *arguments, **options):
    return subprocess.run(
        command(program, *arguments, **options), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def publish(topic, payload, qos, *more):
    message = ["-m", payload] if payload else ["-n"]
    sent = run("mosquitto_pub", "-t", topic, "-q", str(qos), *message, *more)
    check(sent.returncode == 0, f"published: {sent.stderr}")


class Subscriber:
    """A mosquitto_sub whose subscription stands; it ends after `count` messages."""

    def __init__(self, count, *arguments, layout="%t %p %q %r"):
        line = ["stdbuf", "-oL"] + command("mosquitto_sub", "-d", "-C", str(count), "-W", str(PATIENCE), "-F", f"got {layout}", *arguments)
        self.program = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.early = []
        for text in self.program.stdout:
            self.early += [text] if text.startswith("got ") else []
            if text.startswith("Subscribed (mid"):
                return
        raise AssertionError("no subscription")

    def messages(self):
        lines = [*self.early, *self.program.stdout]
        self.program.wait()
        return [line.strip().removeprefix("got ") for line in lines if line.startswith("got ")]

    def expect(self, *lines):
        got = self.messages()
        check(got == list(lines), f"messages {str(got)[:200]}")


def round_trip():
    for qos in (0, 1, 2):
        listener = Subscriber(2, "-t", f"{TOP}/rt", "-q", str(qos))
        publish(f"{TOP}/rt", "hello", qos)
        publish(f"{TOP}/rt", "ü€", qos)
        listener.expect(f"{TOP}/rt hello {qos} 0", f"{TOP}/rt ü€ {qos} 0")


def wildcards():
    listener = Subscriber(3, "-t", f"{TOP}/w/+/temperature", "-t", f"{TOP}/all/#", layout="%t")
    for topic in ("w/hall/temperature", "w/hall/light", "all", "all/a/b"):
        publish(f"{TOP}/{topic}", "x", 1)
    listener.expect(*(f"{TOP}/{topic}" for topic in ("w/hall/temperature", "all", "all/a/b")))


def order():
    listener = Subscriber(200, "-t", f"{TOP}/order", "-q", "1", layout="%p")
    numbers = [str(number) for number in range(200)]
    line = command("mosquitto_pub", "-t", f"{TOP}/order", "-q", "1", "-l")
    subprocess.run(line, input="\n".join(numbers), text=True, timeout=PATIENCE, check=True)
    listener.expect(*numbers)


def large_message():
    listener = Subscriber(1, "-t", f"{TOP}/large", "-q", "1", layout="%l")
    line = command("mosquitto_pub", "-t", f"{TOP}/large", "-q", "1", "-s")
    subprocess.run(line, input="x" * 1_000_000, text=True, timeout=PATIENCE, check=True)
    listener.expect("1000000")


def retained():
    for state in ("on", "off"):
        publish(f"{TOP}/kept", state, 1, "-r")
    Subscriber(1, "-t", f"{TOP}/kept", "-q", "1").expect(f"{TOP}/kept off 1 1")
    publish(f"{TOP}/kept", "", 1, "-r")
    last = Subscriber(1, "-t", f"{TOP}/kept", "-q", "1")
    publish(f"{TOP}/kept", "live", 1)
    last.expect(f"{TOP}/kept live 1 0")


def will():
    watcher = Subscriber(1, "-t", f"{TOP}/gone", "-q", "1")
    doomed = Subscriber(1, "-t", "x", "--will-topic", f"{TOP}/gone", "--will-payload", "lost", "--will-qos", "1")
    doomed.program.kill()
    watcher.expect(f"{TOP}/gone lost 1 0")


def session():
    name = f"night{TRANSPORT[0]}{VERSION}"
    keep = ["-i", name, "-c", "-q", "2", "-t", f"{TOP}/night"] + (["-x", "600"] if FIVE else [])
    check(run("mosquitto_sub", *keep, "-E").returncode == 0, "subscribed")
    for number in range(10):
        publish(f"{TOP}/night", str(number), 2)
    got = run("mosquitto_sub", *keep, "-C", "10", "-W", str(PATIENCE)).stdout.split()
    check(got == [str(number) for number in range(10)], f"messages {got}")


def refused_login():
    refused = run("mosquitto_pub", "-t", "x", "-m", "x", user=f"m-nobody{TRANSPORT[0]}{VERSION}", password="wrong")
    check(refused.returncode != 0 and "uthori" in refused.stderr, f"told {refused.stderr}")


def takeover():
    name = f"twin{TRANSPORT[0]}{VERSION}"
    first = Subscriber(1, "-t", f"{TOP}/twin", "-i", name)
    run("mosquitto_pub", "-t", "x", "-m", "x", "-i", name)
    if FIVE:
        told = "".join(first.program.stdout)
        return check("DISCONNECT (142)" in told, f"told {told}")
    # It comes back by itself and goes on.
    deadline = time.monotonic() + PATIENCE
    while first.program.poll() is None and time.monotonic() < deadline:
        publish(f"{TOP}/twin", "x", 1)
        time.sleep(0.1)
    first.expect(f"{TOP}/twin x 0 0")


def shared_subscription():
    members = [Subscriber(10, "-t", f"$share/group/{TOP}/job", "-q", "1", layout="%p") for _ in range(2)]
    for number in range(20):
        publish(f"{TOP}/job", str(number), 1)
    got = members[0].messages() + members[1].messages()
    check(sorted(got, key=int) == [str(number) for number in range(20)], f"messages {got}")


def properties():
    watcher = Subscriber(1, "-t", f"{TOP}/request", layout="%C %R %D %P %p")
    sent = ("content-type text/plain", "response-topic answer", "correlation-data 42", "user-property k v")
    publish(f"{TOP}/request", "x", 1, *(word for each in sent for word in ("-D", "publish", *each.split(" "))))
    watcher.expect("text/plain answer 42 k:v x")


def request_and_response():
    server = Subscriber(1, "-t", f"{TOP}/service", "-q", "1", layout="%R %D")
    line = command("mosquitto_rr", "-t", f"{TOP}/service", "-e", f"{TOP}/answer", "-m", "?", "-W", str(PATIENCE))
    client = subprocess.Popen([*line, "-D", "publish", "correlation-data", "7"], stdout=subprocess.PIPE, text=True)
    (request,) = server.messages()
    topic, data = request.split(" ")
    publish(topic, "!", 1, "-D", "publish", "correlation-data", data)
    check(client.communicate(timeout=PATIENCE)[0].strip() == "!", "answered")


def message_expiry():
    publish(f"{TOP}/fresh", "x", 1, "-r", "-D", "publish", "message-expiry-interval", "1000")
    (left,) = Subscriber(1, "-t", f"{TOP}/fresh", layout="%E").messages()
    check(0 < int(left) <= 1000, f"{left} s are left")
    publish(f"{TOP}/fresh", "", 1, "-r")


def topic_alias():
    raise Cannot("it sends one topic with each connection")


def subscription_identifier():
    listener = Subscriber(1, "-t", f"{TOP}/id/+", "-D", "subscribe", "subscription-identifier", "7", layout="%S")
    publish(f"{TOP}/id/a", "x", 1)
    listener.expect("7")


def no_local():
    raise Cannot("mosquitto_sub sends no messages")


def refused_publish():
    refused = run("mosquitto_pub", "-t", "$SYS/broker/version", "-m", "mine", "-q", "1", "-d")
    told = refused.stdout + refused.stderr
    check("RC:135" in told or "ot authorized" in told, f"told {told}")


report_all(globals())
