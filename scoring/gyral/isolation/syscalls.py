"""Syscalls: those a guest may make, and their numbers.

Everything that reads and computes needs is here; everything else is answered with ENOSYS by
:mod:`gyral.isolation.seccomp`. A line is ``name x86_64 aarch64``, a dash where the machine has no such call.
Numbers are the kernel's own (``asm/unistd_64.h``, ``asm-generic/unistd.h``) and never change.
"""

from typing import Literal

Machine = Literal["x86_64", "aarch64"]

_TABLE = """
# Files that are open
close 3 57
close_range 436 436
copy_file_range 326 285
creat 85 -
dup 32 23
dup2 33 -
dup3 292 24
fadvise64 221 223
fallocate 285 47
fcntl 72 25
fdatasync 75 83
flock 73 32
fsync 74 82
ftruncate 77 46
ioctl 16 29
lseek 8 62
open 2 -
openat 257 56
openat2 437 437
pread64 17 67
preadv 295 69
preadv2 327 286
pwrite64 18 68
pwritev 296 70
pwritev2 328 287
read 0 63
readahead 187 213
readv 19 65
sendfile 40 71
write 1 64
writev 20 66
# Files by name: what may be reached is decided by mounts or Landlock
access 21 -
chdir 80 49
faccessat 269 48
faccessat2 439 439
fchdir 81 50
fstat 5 80
fstatfs 138 44
getcwd 79 17
getdents 78 -
getdents64 217 61
lstat 6 -
mkdir 83 -
mkdirat 258 34
newfstatat 262 79
readlink 89 -
readlinkat 267 78
rename 82 -
renameat 264 38
renameat2 316 276
rmdir 84 -
stat 4 -
statfs 137 43
statx 332 291
umask 95 166
unlink 87 -
unlinkat 263 35
# Memory
brk 12 214
madvise 28 233
membarrier 324 283
mincore 27 232
mmap 9 222
mprotect 10 226
mremap 25 216
msync 26 227
munmap 11 215
pkey_alloc 330 289
pkey_free 331 290
pkey_mprotect 329 288
# Threads and the start of the program
arch_prctl 158 -
clone 56 220
execve 59 221
exit 60 93
exit_group 231 94
futex 202 98
futex_waitv 449 449
get_mempolicy 239 236
get_robust_list 274 100
getcpu 309 168
restart_syscall 219 128
rseq 334 293
sched_get_priority_max 146 125
sched_get_priority_min 147 126
sched_getaffinity 204 123
sched_getattr 315 275
sched_getparam 143 121
sched_getscheduler 145 120
sched_setaffinity 203 122
sched_yield 24 124
set_robust_list 273 99
set_tid_address 218 96
# Signals to oneself
alarm 37 -
getitimer 36 102
pause 34 -
rt_sigaction 13 134
rt_sigpending 127 136
rt_sigprocmask 14 135
rt_sigreturn 15 139
rt_sigsuspend 130 133
rt_sigtimedwait 128 137
setitimer 38 103
sigaltstack 131 132
signalfd4 289 74
tgkill 234 131
# Waiting
clock_nanosleep 230 115
epoll_create 213 -
epoll_create1 291 20
epoll_ctl 233 21
epoll_pwait 281 22
epoll_pwait2 441 441
epoll_wait 232 -
eventfd 284 -
eventfd2 290 19
nanosleep 35 101
pipe 22 -
pipe2 293 59
poll 7 -
ppoll 271 73
pselect6 270 72
select 23 -
timerfd_create 283 85
timerfd_gettime 287 87
timerfd_settime 286 86
wait4 61 260
waitid 247 95
# Facts about the process and the clock
capget 125 90
clock_getres 229 114
clock_gettime 228 113
getegid 108 177
geteuid 107 175
getgid 104 176
getgroups 115 158
getpgid 121 155
getpgrp 111 -
getpid 39 172
getppid 110 173
getpriority 140 141
getrandom 318 278
getresgid 120 150
getresuid 118 148
getrlimit 97 163
getrusage 98 165
getsid 124 156
gettid 186 178
gettimeofday 96 169
getuid 102 174
prctl 157 167
prlimit64 302 261
sysinfo 99 179
time 201 -
times 100 153
uname 63 160
"""


def _numbers(column: int) -> dict[str, int]:
    lines = (line.split() for line in _TABLE.splitlines() if line and not line.startswith("#"))
    return {fields[0]: int(fields[column]) for fields in lines if fields[column] != "-"}


ALLOWED: dict[Machine, dict[str, int]] = {"x86_64": _numbers(1), "aarch64": _numbers(2)}
