/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A broker that was taken over: tries what an intruder would, and prints each attempt with what came of it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* `result` is that of a system call: negative when it was refused. */
static void report(const char *what, long result)
{
	if (result < 0)
		printf("canary: %s: denied, %s\n", what, strerrorname_np(errno));
	else
		printf("canary: %s: ALLOWED\n", what);
	fflush(stdout);
}

/* Runs a program in a child, from a descriptor or else by its name; its exit status is 0 only if it ran. */
static long run(const char *program, int file)
{
	char *const arguments[] = {(char *)program, "-c", "exit 0", NULL};
	int status, pipe_ends[2], error = 0;

	if (pipe2(pipe_ends, O_CLOEXEC))
		return -1;
	pid_t child = fork();
	if (child < 0)
		return -1;
	if (child == 0) {
		if (file < 0)
			execv(program, arguments);
		else
			syscall(SYS_execveat, file, "", arguments, environ, AT_EMPTY_PATH);
		error = errno;
		_exit(write(pipe_ends[1], &error, sizeof error) == sizeof error ? 1 : 2);
	}
	close(pipe_ends[1]);
	if (read(pipe_ends[0], &error, sizeof error) == sizeof error)
		errno = error;
	waitpid(child, &status, 0);
	close(pipe_ends[0]);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* Executes a program of its own that it has written itself. */
static long run_written(const char *folder)
{
	char path[256];
	snprintf(path, sizeof path, "%s/intruder", folder);
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	if (file < 0)
		return -1;
	if (write(file, "#!/bin/sh\n", 10) != 10)
		return -1;
	fchmod(file, 0755);
	close(file);
	long result = run(path, -1);
	int error = errno;
	unlink(path);
	errno = error;
	return result;
}

static long protect(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -2;
	return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

/* Executes a shell that lies nowhere but in memory. */
static long run_from_memory(void)
{
	int shell = open("/bin/sh", O_RDONLY | O_CLOEXEC);
	int file = memfd_create("intruder", MFD_CLOEXEC);
	if (shell < 0 || file < 0 || sendfile(file, shell, NULL, 1 << 24) <= 0)
		return -1;
	return run("intruder", file);
}

int main(void)
{
	union bpf_attr program = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER};

	report("execve of /bin/sh", run("/bin/sh", -1));
	report("execve of what it wrote into its state", run_written("/var/lib/broker"));
	report("execve of what it wrote into /tmp", run_written("/tmp"));
	report("execveat of memory", run_from_memory());
	report("mmap writable and executable",
	       (long)mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	report("mprotect to executable", protect());
	report("ptrace of process 1", ptrace(PTRACE_ATTACH, 1, NULL, NULL));
	report("ptrace of itself", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	report("kill of process 1", kill(1, 0));
	report("mount", mount("none", "/tmp", "tmpfs", 0, NULL));
	report("umount", umount2("/tmp", MNT_DETACH));
	report("chroot", chroot("/tmp"));
	report("unshare of the user namespace", unshare(CLONE_NEWUSER));
	report("unshare of the network", unshare(CLONE_NEWNET));
	report("setuid to root", setuid(0));
	report("setgid to root", setgid(0));
	report("socket of AF_NETLINK", socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
	report("socket of AF_PACKET", socket(AF_PACKET, SOCK_RAW, 0));
	report("raw socket", socket(AF_INET, SOCK_RAW, 1));
	report("open of /dev/mem", open("/dev/mem", O_RDONLY));
	report("open of /dev/mmcblk0", open("/dev/mmcblk0", O_RDONLY));
	report("open of /dev/kmsg", open("/dev/kmsg", O_RDONLY));
	report("open of /etc/shadow", open("/etc/shadow", O_RDONLY));
	report("write into /etc", open("/etc/intruder", O_WRONLY | O_CREAT, 0600));
	report("write into /etc/broker", open("/etc/broker/intruder", O_WRONLY | O_CREAT, 0600));
	report("write into /usr", open("/usr/intruder", O_WRONLY | O_CREAT, 0600));
	report("write into the boot partition", open("/boot/firmware/intruder", O_WRONLY | O_CREAT, 0600));
	report("write into /proc/sys", open("/proc/sys/kernel/core_pattern", O_WRONLY));
	report("list of the provisioner's state", open("/var/lib/broker-provision", O_RDONLY | O_DIRECTORY));
	report("list of root's home", open("/root", O_RDONLY | O_DIRECTORY));
	report("a set-user-id program", chmod("/var/lib/broker", 04700));
	report("bpf", syscall(SYS_bpf, BPF_PROG_LOAD, &program, sizeof program));
	report("init_module", syscall(SYS_init_module, "", 0, ""));
	report("keyctl", syscall(SYS_keyctl, 0, -3, 1));
	report("io_uring_setup", syscall(SYS_io_uring_setup, 1, NULL));
	report("perf_event_open", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
	report("settimeofday", syscall(SYS_settimeofday, NULL, NULL));
	report("sethostname", sethostname("intruder", 8));
	report("personality", syscall(SYS_personality, 0x0400000));
	report("reboot", syscall(SYS_reboot, 0, 0, 0, NULL));
	return 0;
}
