"""nginx in front of several listeners, with the configuration of the manual's page ``team``."""

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import left_behind
from conftest import wait_until
from running_listener import free_port

from voicecli import manual

AROUND = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
access_log off;
client_body_temp_path {folder}/body;
proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/fastcgi;
uwsgi_temp_path {folder}/uwsgi;
scgi_temp_path {folder}/scgi;
{configuration}
}}
"""


def configuration(port: int, listeners: Sequence[int]) -> str:
    """The manual's, without TLS, for listeners at these ports of this machine."""
    [text] = re.findall(r"^```nginx\n(.*?)^```$", manual.page("team"), re.MULTILINE | re.DOTALL)
    text = re.sub(r"^ *(ssl_certificate|server_name).*\n", "", text, flags=re.MULTILINE)
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    [first, *others] = re.findall(r"^ *server machine-\d.*\n", text, re.MULTILINE)
    for other in others:
        text = text.replace(other, "")
    servers = "".join(first.replace("machine-1.example.com:5678", f"127.0.0.1:{one}") for one in listeners)
    return text.replace(first, servers)


def find_nginx() -> str | None:
    return shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin:/usr/bin")


def is_listened_at(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def balancing(folder: Path, ports: Sequence[int]) -> Iterator[str]:
    """The public URL that leads to listeners at these ports of this machine."""
    folder.mkdir()
    port = free_port()
    file = folder / "nginx.conf"
    file.write_text(AROUND.format(folder=folder, configuration=configuration(port, ports)))
    nginx = find_nginx()
    assert nginx is not None
    command = [nginx, "-p", str(folder), "-c", str(file)]
    with (
        left_behind.cleared_up(folder),
        subprocess.Popen(command, stderr=subprocess.PIPE) as process,
    ):
        try:
            wait_until(lambda: process.poll() is not None or is_listened_at(port))
            assert process.poll() is None, process.stderr and process.stderr.read()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
