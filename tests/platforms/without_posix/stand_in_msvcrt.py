"""A stand-in for Windows' msvcrt, on Linux: locks of bytes that an open file has, not a process."""

import errno
import fcntl
import os
import struct

LK_UNLCK, LK_LOCK, LK_NBLCK = 0, 1, 2


def locking(descriptor: int, mode: int, size: int) -> None:
    """Where the file is at; as on Windows, a lock is a lock for one who may only read, too."""
    begin = os.lseek(descriptor, 0, os.SEEK_CUR)
    can_write = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
    kind = fcntl.F_UNLCK if mode == LK_UNLCK else fcntl.F_WRLCK if can_write else fcntl.F_RDLCK
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack("hhlli", kind, os.SEEK_SET, begin, size, 0))
    except OSError as error:
        raise OSError(errno.EACCES, "Permission denied") from error


def get_osfhandle(descriptor: int) -> int:
    """The system's number of an open file."""
    return descriptor
