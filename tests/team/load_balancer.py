"""nginx in front of several listeners, with the configuration of the manual's page ``team``."""

import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from conftest import wait_until
from running_listener import free_port

CONFIGURATION = """
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

    upstream listeners {{
{servers}
        keepalive 32;
    }}
    server {{
        listen 127.0.0.1:{port};
        location /api/webhooks/ {{
            proxy_pass http://listeners;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_connect_timeout 2s;
            proxy_read_timeout 15s;
            # The same event twice is one: what a listener did not answer goes to the next.
            proxy_next_upstream error timeout http_502 http_503 non_idempotent;
            proxy_next_upstream_tries 2;
        }}
        location = /health {{
            proxy_pass http://listeners;
            proxy_set_header Host $host;
            proxy_connect_timeout 2s;
        }}
        # Nothing else is for 8x8; /api/make-call least of all: sent to the next, it would call twice.
        location / {{ return 404; }}
    }}
}}
"""


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
    servers = "\n".join(f"        server 127.0.0.1:{one} max_fails=1 fail_timeout=2s;" for one in ports)
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=folder, port=port, servers=servers))
    nginx = find_nginx()
    assert nginx is not None
    with subprocess.Popen([nginx, "-p", str(folder), "-c", str(file)], stderr=subprocess.PIPE) as process:
        try:
            wait_until(lambda: process.poll() is not None or is_listened_at(port))
            assert process.poll() is None, process.stderr and process.stderr.read()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
