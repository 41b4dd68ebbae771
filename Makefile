# The verbs of the project. `make compile` and `make test` work in a fresh clone
# with nothing but Python 3.11+ and make.
.POSIX:
.SUFFIXES:
.PHONY: compile test check images loop node golden bench fmt lint type arch system recorder control-plane network-plugin e2e clean lock lock-images kernels

PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin
RUN = $(VENV)/.run
DEV = $(VENV)/.dev
CLANG = clang
LLVM_STRIP = llvm-strip
# This machine's architecture as the kernel's sources call it; the object of another one can be built, too.
BPF_ARCH = $$(uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')
BPF = recorder/bpf/recorder.bpf.o
# What `no new ... since` of the examples compares with: in a pull request, its base.
BASE = HEAD
# The hash seed is left random on purpose: artifacts must not depend on it.
# Nice to those beside it: `make test` is work for processors, and the recorder's tests wait for the kernel.
PYTEST = nice $(BIN)/pytest -n auto --dist worksteal

compile: $(RUN)
	@$(BIN)/policyc compile policies --output generated

test: $(DEV)
	$(PYTEST) -m "not system and not e2e and not node"

# Exactly what CI runs.
check: lint type arch test system e2e loop node
	$(BIN)/policyc fmt --check policies
	$(BIN)/policyc prove policies --since $(BASE)
	$(BIN)/policyc compile policies --output generated --check
	$(BIN)/policyc webhook manifests --output deploy --check

# The recorder's BPF object; needs clang, llvm-strip and libbpf's headers, and nothing of them to run.
recorder: $(BPF)

$(BPF): recorder/bpf/recorder.bpf.c recorder/bpf/*.h
	$(CLANG) -O2 -g -Wall -Werror -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_ARCH) -I/usr/include/$$(uname -m)-linux-gnu \
	  -fdebug-compilation-dir=. -c recorder/bpf/recorder.bpf.c -o $@
	$(LLVM_STRIP) -g $@

# Tests that need root, container runtimes and BPF.  Those that are to be alone on the machine go to one worker,
# one after the other: tests/support/alone.py.
system: $(DEV) recorder
	$(BIN)/pytest -n auto --dist loadgroup -m system

# The container images, as OCI layouts with their bills of materials, in build/images; root.
# Debian's packages and the wheels, both locked, come from their registries, the rest from this tree.
images: $(DEV) recorder
	$(BIN)/python -m images

# Renews the locks of Debian's packages, images/locks; run after an update of Debian, or of the lists.
lock-images: $(DEV)
	$(BIN)/python -m images --lock

# kube-apiserver, kube-controller-manager and kubectl, built once into the user's cache with Go;
# nothing to do when KUBEBUILDER_ASSETS names a folder that has them.
control-plane: $(DEV)
	@$(BIN)/python -m tests.support.control_plane

# Cilium, which enforces NetworkPolicies in the loop; built once into the user's cache with Go.
network-plugin: $(DEV)
	@$(BIN)/python -m tests.support.cilium

# Record, compile, enforce, with the recorder's image on this machine's kernel; root.  It runs in
# namespaces of its own and leaves nothing behind but build/loop.
loop: recorder control-plane network-plugin
	$(BIN)/python -m images --newer recorder
	unshare --net --mount --propagation private $(BIN)/python -m tests.loop build/images/recorder build/loop

# The recorder's DaemonSet under a real kubelet, containerd and API server; root.  It runs in namespaces of its own.
# containerd and the programs of CNI come from the system (Debian: containerd, containernetworking-plugins, iptables).
node: recorder control-plane
	$(BIN)/python -m images --newer recorder
	unshare --net --mount --propagation private $(BIN)/pytest -m node

# The recorder on Debian's kernels of both architectures, under QEMU (qemu-system-arm, qemu-system-x86); some minutes each.
kernels: $(DEV)
	$(BIN)/python -m tests.kernels

# Tests on a real API server, one for each worker; etcd comes from the system (Debian: etcd-server).
e2e: control-plane
	$(BIN)/pytest -n auto --dist loadfile -m e2e

# Rewrites golden files; read the difference like code.
golden: $(DEV)
	$(PYTEST) -m "not system and not e2e and not node" --golden
	$(BIN)/policyc compile policies --output generated
	$(BIN)/policyc webhook manifests --output deploy

# As root, with what builds the recorder's object, and with strace and bpftrace, which it is compared with.
bench: $(DEV) recorder
	$(BIN)/python -m tests.bench

fmt: $(DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/policyc fmt policies

lint: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

type: $(DEV)
	$(BIN)/mypy

arch: $(DEV)
	$(BIN)/lint-imports

$(RUN): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "policyc needs Python 3.11 or later")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked dependencies into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): $(RUN) requirements-dev.txt
	@echo "installing the locked test tools into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.txt
	@touch $@

# Renews the lock files; run after a change of dependencies.
lock:
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml --group build -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml --group build --group dev --extra webhook --extra prove --extra testing -c requirements.txt -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header pyproject.toml --extra webhook -c requirements-dev.txt -o webhook/requirements.txt

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
