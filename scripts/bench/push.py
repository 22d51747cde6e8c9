"""The measurements of scripts/bench/push, which says what they are."""

import atexit, hashlib, json, os, re, shutil, signal, socket, ssl, subprocess, sys, threading, time, urllib.request

SF, SERVER, WORK, MIB, RUNS = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
WANTED = sys.argv[6:] or ["throughput", "many", "latency", "again"]
CHILDREN, MISSED = [], []


def clean_up():
    for child in CHILDREN:
        child.kill()
        child.wait()
    shutil.rmtree(WORK, ignore_errors=True)


atexit.register(clean_up)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

# ---- images ----------------------------------------------------------------------------------------------------------

TYPE = "application/vnd.oci.image"


class Layout:
    """An OCI layout of random layers: `layers` sizes per platform, the platforms' layers all different."""

    def __init__(self, name, platforms, sizes):
        self.path = os.path.join(WORK, name)
        os.makedirs(f"{self.path}/blobs/sha256")
        manifests = []
        for platform in platforms:
            layers = [self.random(size) for size in sizes]
            config = {"architecture": platform, "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [l["digest"] for l in layers]}}
            config = self.keep(json.dumps(config).encode(), f"{TYPE}.config.v1+json")
            manifest = {"schemaVersion": 2, "mediaType": f"{TYPE}.manifest.v1+json", "config": config, "layers": layers}
            manifest = self.keep(json.dumps(manifest).encode(), f"{TYPE}.manifest.v1+json")
            manifests.append({**manifest, "platform": {"os": "linux", "architecture": platform}})
        root = manifests[0]
        if len(manifests) > 1:
            index = {"schemaVersion": 2, "mediaType": f"{TYPE}.index.v1+json", "manifests": manifests}
            root = self.keep(json.dumps(index).encode(), f"{TYPE}.index.v1+json")
        self.index = len(manifests) > 1
        self.digest = root["digest"]
        listing = {"schemaVersion": 2, "manifests": [{k: root[k] for k in ("mediaType", "digest", "size")}]}
        open(f"{self.path}/index.json", "w").write(json.dumps(listing))
        open(f"{self.path}/oci-layout", "w").write('{"imageLayoutVersion":"1.0.0"}')

    def evict(self):
        """Takes its blobs out of the page cache."""
        for name in os.listdir(f"{self.path}/blobs/sha256"):
            with open(f"{self.path}/blobs/sha256/{name}", "rb+") as blob:
                os.fsync(blob.fileno())
                os.posix_fadvise(blob.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def keep(self, content, kind):
        digest = hashlib.sha256(content).hexdigest()
        open(f"{self.path}/blobs/sha256/{digest}", "wb").write(content)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}

    def random(self, size):
        digest, left, draft = hashlib.sha256(), size, f"{self.path}/draft"
        with open(draft, "wb") as out:
            while left:
                piece = os.urandom(min(left, 1 << 20))
                digest.update(piece)
                out.write(piece)
                left -= len(piece)
        os.rename(draft, f"{self.path}/blobs/sha256/{digest.hexdigest()}")
        return {"mediaType": f"{TYPE}.layer.v1.tar", "digest": f"sha256:{digest.hexdigest()}", "size": size}


# ---- registries ------------------------------------------------------------------------------------------------------

CERTIFICATES = os.path.join(WORK, "tls")
os.mkdir(CERTIFICATES)


class Discarding:
    def __init__(self, *options):
        command = [SERVER, "--certificates", CERTIFICATES, *map(str, options)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        CHILDREN.append(child)
        self.host = "127.0.0.1:" + child.stdout.readline().strip()
        self.trust = ssl.create_default_context(cafile=f"{CERTIFICATES}/ca.pem")

    def get(self, path):
        return urllib.request.urlopen(f"https://{self.host}{path}", context=self.trust).read().decode()

    def reset(self):
        self.get("/reset")

    def requests(self):
        return int(self.get("/stats").split()[0])


class Distribution:
    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.host, self.data = f"127.0.0.1:{port}", f"{WORK}/distribution"
        config = f"""version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {self.data}}}}}
http: {{addr: "{self.host}", secret: s, tls: {{certificate: {CERTIFICATES}/cert.pem, key: {CERTIFICATES}/key.pem}}}}
"""
        open(f"{WORK}/distribution.yml", "w").write(config)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        CHILDREN.append(subprocess.Popen(["registry", "serve", f"{WORK}/distribution.yml"], env={**os.environ, "OTEL_TRACES_EXPORTER": "none"}, **quiet))
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.1)
        sys.exit("distribution does not listen")

    def reset(self):
        shutil.rmtree(self.data, ignore_errors=True)


# ---- clients ---------------------------------------------------------------------------------------------------------

CLIENTS = {
    "stagefreight": lambda image, to: [SF, "copy", image.path, to],
    "crane": lambda image, to: ["crane", "push", *(["--index"] if image.index else []), image.path, to],
    "regctl": lambda image, to: ["regctl", "image", "copy", f"ocidir://{image.path}@{image.digest}", to],
    "skopeo": lambda image, to: ["skopeo", "copy", "-q", "--all", f"oci:{image.path}", f"docker://{to}"],
    "oras": lambda image, to: ["oras", "copy", "--from-oci-layout", f"{image.path}@{image.digest}", to],
}


def run(command):
    """One run: (wall, processor, peak MiB, MiB read from disk)."""
    environment = {**os.environ, "SSL_CERT_FILE": f"{CERTIFICATES}/ca.pem", "SSL_CERT_DIR": "/nonexistent", "HOME": WORK}
    with open(f"{WORK}/log", "w") as log:
        began = time.monotonic()
        child = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    # Not `ru_maxrss`: it would count what this process weighed when the child was made. The mark only rises.
    peak, ended = 0.0, threading.Event()

    def watch():
        nonlocal peak
        while not ended.wait(0.003):
            try:
                marks = re.findall(r"VmHWM:\s+(\d+) kB", open(f"/proc/{child.pid}/status").read())
            except OSError:
                return
            peak = max([peak, *(int(mark) / 1024 for mark in marks)])

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - began
    child.returncode = status
    ended.set()
    watcher.join()
    if status:
        sys.exit(f"{' '.join(command)} failed:\n{open(f'{WORK}/log').read()[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime, peak, usage.ru_inblock / 2048


def compare(title, registry, images, prepare=True, repetitions=RUNS):
    """A table of all clients, the best of several runs each, and ours against the best of the others."""
    load = os.getloadavg()[0]
    print(f"\n{title}  (best of {repetitions}, load {load:.1f})")
    print(f"  {'':<13}{'wall s':>9}{'cpu s':>9}{'peak MiB':>10}{'requests':>10}")
    best = {}
    for turn in range(repetitions):
        for name, command in CLIENTS.items():
            if name != "stagefreight" and not shutil.which(name):
                continue
            if prepare:
                registry.reset()
            counted = isinstance(registry, Discarding)
            before = registry.requests() if counted else 0
            image = images
            wall, processor, peak, _ = run(command(image, f"{registry.host}/bench/{name}:1"))
            asked = registry.requests() - before if counted else 0
            known = best.get(name, (1e9, 1e9, 1e9, 1e9))
            best[name] = tuple(map(min, known, (wall, processor, peak, asked)))
    for name, (wall, processor, peak, asked) in best.items():
        print(f"  {name:<13}{wall:>9.3f}{processor:>9.3f}{peak:>10.1f}{asked or '':>10}")
    ours = best.pop("stagefreight")
    rivals = [min(column) for column in zip(*best.values())] if best else [0, 0, 0, 0]
    return ours, rivals


def hold(what, value, limit, unit=""):
    verdict = "met" if value <= limit else "MISSED"
    if value > limit:
        MISSED.append(what)
    print(f"  {what}: {value:.2f}{unit} (at most {limit:g}{unit}): {verdict}")


# ---- the four numbers ------------------------------------------------------------------------------------------------

discarding = Discarding()

if "throughput" in WANTED:
    image = Layout("large", ["amd64"], [MIB * (1 << 20) // 8] * 8)
    ours, best = compare(f"1. {MIB} MiB in 8 layers, discarded", discarding, image)
    hold("processor time against the best peer", ours[1] / best[1], 0.7)
    hold("wall time against the best peer", ours[0] / best[0], 0.8)
    hold("peak memory", ours[2], 20, " MiB")
    if shutil.which("registry"):
        ours, best = compare(f"1. {MIB} MiB in 8 layers, to distribution 3 on disk", Distribution(), image)
        hold("wall time against the best peer", ours[0] / best[0], 1.0)

if "many" in WANTED:
    image = image if "throughput" in WANTED else Layout("large", ["amd64"], [MIB * (1 << 20) // 8] * 8)

    def to(registries, tags=5):
        return [SF, "copy", image.path, *(f"{r.host}/bench/app:{tag}" for r in registries for tag in range(tags))]

    def best_of(registries, **options):
        results = []
        for _ in range(RUNS):
            for registry in registries:
                registry.reset()
            results.append(run(to(registries, **options)))
        return [min(column) for column in zip(*results)]

    print(f"\n2. {MIB} MiB to 4 registries × 5 tags  (best of {RUNS}, load {os.getloadavg()[0]:.1f})")
    four = [Discarding("--rate", 60) for _ in range(4)]
    one_slow, all_slow = best_of(four[:1]), best_of(four)
    print(f"  at 60 MiB/s each: one {one_slow[0]:.2f} s, four {all_slow[0]:.2f} s")
    hold("wall time of four against one, throttled", all_slow[0] / one_slow[0], 1.3)
    four = [Discarding() for _ in range(4)]
    one, everyone = best_of(four[:1]), best_of(four)
    print(f"  unthrottled: one {one[1]:.2f} CPU-s, four {everyone[1]:.2f} CPU-s; {everyone[2]:.1f} MiB; {everyone[3]:.0f} MiB read from disk")
    hold("processor time of four against one", everyone[1] / one[1], 4.2)
    for registry in four:
        registry.reset()
    image.evict()
    cold = run(to(four))
    hold("read from disk for four, from a cold cache, of the image's size", cold[3] / MIB, 1.05)
    first, fifth = [], []
    for tags, into in ((1, first), (5, fifth)):
        for registry in four:
            registry.reset()
        run(to(four, tags))
        into.extend(registry.requests() for registry in four)
    hold("requests for each tag but the first", max(b - a for a, b in zip(first, fifth)) / 4, 3)

if "latency" in WANTED:
    slow = Discarding("--latency", 30)
    layers = Layout("layers", ["amd64", "arm64"], [20_000] * 40)
    ours, best = compare("3. 80 small layers over 2 platforms, 30 ms per request", slow, layers)
    hold("wall time against the best peer", ours[0] / best[0], 0.5)
    hold("requests against the best peer", ours[3] / best[3], 0.999)

if "again" in WANTED:
    small = layers if "latency" in WANTED else Layout("layers", ["amd64", "arm64"], [20_000] * 40)
    discarding.reset()
    for name, command in CLIENTS.items():
        if name == "stagefreight" or shutil.which(name):
            run(command(small, f"{discarding.host}/bench/{name}:1"))
    ours, best = compare("4. the complete image again", discarding, small, prepare=False, repetitions=max(RUNS, 10))
    # One of them asks the loopback host whether it speaks TLS, which only loopback hosts are asked.
    hold("requests for one tag", ours[3] - 1, 1)
    hold("wall time", ours[0] * 1000, 20, " ms")

print(f"\n{len(MISSED)} missed: {', '.join(MISSED)}" if MISSED else "\nall met")
sys.exit(1 if MISSED else 0)
