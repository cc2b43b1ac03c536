"""fetch_wheels.py REQUIREMENTS TARGET: what `pip install --require-hashes --target` does, where there is no pip.

Knows only what build/toolchain.txt needs: exact versions, pinned hashes, wheels without dependencies, this machine's
architecture. Reads pip's settings for the index, links and certificates, so that a mirror set up for pip serves here
too. Python's standard library alone, 3.8 or later.
"""

import base64
import configparser
import hashlib
import html.parser
import json
import os
import pathlib
import platform
import re
import shutil
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile

ATTEMPTS = 4  # with pauses of 1, 2 and 3 s between them: rides out a hiccup, reports a dead network soon
CHUNK_BYTES = 1 << 20


def setting(name, default=None):
    """A setting of pip: from the environment, else from the first of pip's configuration files that has it."""
    value = os.environ.get("PIP_" + name.upper().replace("-", "_"))
    if value:
        return value
    home = pathlib.Path.home()
    files = [
        os.environ.get("PIP_CONFIG_FILE"),
        pathlib.Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf",
        home / ".pip" / "pip.conf",
        "/etc/xdg/pip/pip.conf",
        "/etc/pip.conf",
    ]
    for file in filter(None, files):
        config = configparser.RawConfigParser()
        config.read(file)
        for section in ("install", "global"):
            if config.has_option(section, name):
                return config.get(section, name)
    return default


def pins(requirements):
    """Yields (name, version, hashes) of each pinned project."""
    text = re.sub(r"\\\n", " ", pathlib.Path(requirements).read_text())
    for line in text.splitlines():
        match = re.match(r"([A-Za-z0-9_-]+)==(\S+)", line)
        if match:
            yield match[1], match[2], set(re.findall(r"--hash=sha256:([0-9a-f]{64})", line))


class Links(html.parser.HTMLParser):
    """The targets of a page's links."""

    def __init__(self):
        super().__init__()
        self.urls = []

    def handle_starttag(self, tag, attributes):
        if tag == "a":
            self.urls += [value for key, value in attributes if key == "href" and value]


def request(url, credentials_of=None):
    """A request whose user and password, if the URL or one on the same host has them, travel as a header."""
    parts = urllib.parse.urlsplit(url)
    source = parts
    if not parts.username and credentials_of:
        other = urllib.parse.urlsplit(credentials_of)
        if (other.scheme, other.hostname, other.port) == (parts.scheme, parts.hostname, parts.port):
            source = other
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    made = urllib.request.Request(urllib.parse.urlunsplit(bare))
    if source.username:
        pair = "%s:%s" % (urllib.parse.unquote(source.username), urllib.parse.unquote(source.password or ""))
        made.add_unredirected_header("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
    return made


class Fetcher:
    """Reads the index and the wheels."""

    def __init__(self):
        certificates = setting("cert") or os.environ.get("REQUESTS_CA_BUNDLE")
        self.tls = ssl.create_default_context(cafile=certificates)
        self.timeout_s = float(setting("timeout") or setting("default-timeout") or 60)
        self.index = setting("index-url", "https://pypi.org/simple").rstrip("/")
        self.extra = (setting("extra-index-url") or "").split()
        self.offline = (setting("no-index") or "").lower() in ("1", "true", "yes", "on")
        self.links = (setting("find-links") or "").split()

    def open(self, made):
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return urllib.request.urlopen(made, timeout=self.timeout_s, context=self.tls)
            except urllib.error.HTTPError as error:
                if error.code < 500 and error.code != 429 or attempt == ATTEMPTS:
                    raise
            except OSError:
                if attempt == ATTEMPTS:
                    raise
            time.sleep(attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def page(self, url):
        """The URLs on one page of a simple index, JSON or HTML."""
        made = request(url)
        made.add_header("Accept", "application/vnd.pypi.simple.v1+json, text/html;q=0.5")
        with self.open(made) as answer:
            base, kind, body = answer.geturl(), answer.headers.get("Content-Type", ""), answer.read()
        if "json" in kind:
            found = [file["url"] for file in json.loads(body)["files"]]
        else:
            parser = Links()
            parser.feed(body.decode())
            found = parser.urls
        return [urllib.parse.urljoin(base, link) for link in found]

    def candidates(self, name):
        """The URLs where a wheel of the project may be, local ones first."""
        for link in self.links:
            folder = pathlib.Path(link[len("file://") :] if link.startswith("file://") else link)
            if folder.is_dir():
                yield from (file.resolve().as_uri() for file in sorted(folder.glob("*.whl")))
            elif link.startswith(("http://", "https://")):
                yield from self.page(link)
        if self.offline:
            return
        for index in [self.index] + self.extra:
            yield from self.page("%s/%s/" % (index.rstrip("/"), name))

    def download(self, url, file):
        """Writes what the URL has to a file; returns its SHA-256."""
        digest = hashlib.sha256()
        with self.open(request(url, self.index)) as answer, open(file, "wb") as out:
            for chunk in iter(lambda: answer.read(CHUNK_BYTES), b""):
                digest.update(chunk)
                out.write(chunk)
        return digest.hexdigest()


def unpack(wheel, target):
    """Installs a wheel: scripts into bin/, everything else as it lies, permissions kept."""
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            inner = re.sub(r"^[^/]+\.data/scripts/", "bin/", entry.filename)
            file = target / inner
            file.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, open(file, "wb") as out:
                shutil.copyfileobj(source, out, CHUNK_BYTES)
            mode = entry.external_attr >> 16 & 0o777
            if mode & 0o111 or inner.startswith("bin/"):
                file.chmod(0o755)


def install(fetcher, name, version, hashes, target):
    """Installs the pinned wheel of one project that fits this machine."""
    suffix = "_%s.whl" % platform.machine()
    prefix = "%s-%s-" % (name, version)
    for url in fetcher.candidates(name):
        file_name = urllib.parse.unquote(urllib.parse.urlsplit(url).path.rpartition("/")[2])
        if not (file_name.startswith(prefix) and file_name.endswith(suffix) and "manylinux" in file_name):
            continue
        wheel = target / file_name
        try:
            found = fetcher.download(url, wheel)
            if found not in hashes:
                sys.exit("Cannot install %s: its SHA-256 is %s, which is not one of the pinned ones" % (file_name, found))
            unpack(wheel, target)
        finally:
            wheel.unlink(missing_ok=True)
        return
    places = fetcher.links + ([] if fetcher.offline else [fetcher.index] + fetcher.extra)
    sys.exit("Cannot find %s %s for %s at %s" % (name, version, platform.machine(), ", ".join(places)))


def main():
    requirements, target = sys.argv[1], pathlib.Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    fetcher = Fetcher()
    for name, version, hashes in pins(requirements):
        try:
            install(fetcher, name, version, hashes, target)
        except (OSError, ValueError) as error:
            sys.exit("Cannot install %s %s: %s" % (name, version, getattr(error, "reason", error)))


main()
