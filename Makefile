# Everything runs in a virtual environment of its own, .venv, which any target makes when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Python keeps what it has compiled, also where images say that it must not: else each worker of the tests compiles all
# tests anew, and every process that they start all of fs-1c.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test lint site locale bench fuzz soak cluster esl lock sbom dist wheelhouse deb debtest clean ALWAYS

demo: $(VENV)/.ready
	$(BIN)/fs-1c demo

# All tests are compiled once, beside the linters, and not by six workers at the same time. Long files come first.
test: $(VENV)/.ready
	@$(BIN)/python -m pytest --collect-only -qq >/dev/null 2>&1 & \
	    $(MAKE) --no-print-directory lint; told=$$?; wait; exit $$told
	$(BIN)/python -m pytest -n 6 --dist loadfile --no-loadscope-reorder -m 'not cluster'

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/mypy

# The documents as a site, in build/site: of two languages, with search, without anybody else's host.
site: $(VENV)/.ready
	$(BIN)/python -m pip --quiet install --disable-pip-version-check -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	$(BIN)/python -m pytest tests/docs/test_site.py
	@echo build/site/index.html
# After a text has changed: fs_1c/locale has the new ones, to be translated. A second run compiles what has been.
# What is compiled is kept beside it, so that no build can forget to.
locale: $(VENV)/.ready
	@mkdir -p build
	$(BIN)/python -m babel.messages.frontend --quiet extract -F pyproject.toml --no-location \
	    -o build/fs_1c.pot fs_1c
	$(BIN)/python -m babel.messages.frontend --quiet update -i build/fs_1c.pot -d fs_1c/locale -D fs_1c \
	    --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --no-wrap
	$(BIN)/python -m babel.messages.frontend --quiet compile -d fs_1c/locale -D fs_1c --statistics

# WRITE=1 writes docs/performance.md and its picture.
bench: $(VENV)/.ready
	$(BIN)/python -m pip --quiet install --disable-pip-version-check -e '.[bench]'
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.latency
	$(BIN)/python -m tests.bench.calling
	$(BIN)/python -m tests.bench.peers $(if $(WRITE),--write)

# Half an hour of calls while 1C's faults come and go.
soak: $(VENV)/.ready
	$(BIN)/python -m tests.service.soak 1800

# All that may happen to services, switches and Redis; then what a call costs. The full size: SWITCHES=10 RATE=20
# SECONDS=600, for which ten services and ten switches need more than two cores.
cluster: $(VENV)/.ready
	$(BIN)/python -m pytest -n 2 -m cluster
	$(BIN)/python -m tests.cluster.load --switches $(or $(SWITCHES),4) --rate $(or $(RATE),5) \
	    --seconds $(or $(SECONDS),30)

# SECONDS=600 for longer. What fails is kept and named, and can be tried again by its file. Then the same parsers under
# the clock: twice the input, twice the time. Then the properties among the tests, by five times as many examples, which
# are others each time.
fuzz: $(VENV)/.ready
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60)
	$(BIN)/python -m tests.fuzz --clock --seconds $(or $(SECONDS),60)
	EXAMPLES=$(or $(EXAMPLES),5) $(BIN)/python -m pytest -n 2 --timeout 900 -m hypothesis

# python-ESL, for `transport = "python-esl"`: its build needs g++, Python's headers, a swig before 4, and both in two
# steps.
esl: $(VENV)/.ready
	$(BIN)/python -m pip --quiet install --disable-pip-version-check setuptools wheel 'swig<4'
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip --quiet install --disable-pip-version-check \
	    --no-build-isolation python-ESL==1.4.18

# What an installation gets: every package with its version and the hashes of its files, for Python 3.11 and newer on
# Linux, and what builds this one. Takes the newest that setup.cfg allows: look at the difference before you commit it.
lock: build/tools/.ready
	printf 'setuptools>=70.1\n' | build/tools/bin/uv pip compile setup.cfg - --extra redis --upgrade --universal \
	    --python-version 3.11 --no-emit-package colorama --generate-hashes --no-emit-index-url \
	    --custom-compile-command 'make lock' --quiet --output-file requirements.lock

# The bill of materials of the same (CycloneDX), but for what builds it: that is in no installation. The Debian package
# has one of its own, of what is really in it.
sbom: build/tools/.ready
	awk '/^[^ ]/ { wanted = !/^setuptools==/ } wanted' requirements.lock >build/runs.lock
	printf '[project]\nname = "fs-1c"\nversion = "%s"\nlicense = "MIT"\n' $(VERSION) >build/project.toml
	build/tools/bin/cyclonedx-py requirements --output-reproducible --pyproject build/project.toml \
	    --output-file build/sbom.json build/runs.lock
	@echo build/sbom.json

# sdist and wheel, and what is in an installation, in dist/: the same octets from the same files, whoever makes them,
# where and when. So they are made twice, in two folders, and compared.
dist: build/first build/second sbom
	diff -r build/first build/second
	mkdir -p dist && cp build/first/* dist/ && cp build/sbom.json dist/fs-1c-sbom.json
	cd dist && sha256sum *.tar.gz *.whl *.json

VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' fs_1c/__init__.py)

# What git knows of, with what was changed since, whatever else lies about.
COPIED = git ls-files -z >build/files && tar --create --null --files-from build/files --file build/files.tar && \
    tar --extract --file build/files.tar --directory $(1)
# When the last commit was made, by which all files are dated.
dist wheelhouse deb sbom build/first build/second: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
SAME = --sort=name --format=ustar --mtime=@$(SOURCE_DATE_EPOCH) --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX

# The wheel is made from the sdist: one that lacks a file makes no wheel that has it.
build/first build/second: build/tools/.ready ALWAYS
	rm -rf $@ $@-from && mkdir -p $@ $@-from/tree $@-from/sdist
	$(call COPIED,$@-from/tree)
	$(BUILD) --sdist --outdir $@-from $@-from/tree >/dev/null
	tar --extract --directory $@-from/sdist --file $@-from/*.tar.gz
	cd $@-from/sdist && tar --create $(SAME) * | gzip --no-name --best >"$(CURDIR)/$@/$$(basename ../*.tar.gz)"
	rm -rf $@-from/sdist/* && tar --extract --directory $@-from/sdist --file $@/*.tar.gz
	umask 022 && $(BUILD) --wheel --outdir $@ $@-from/sdist/* >/dev/null
	rm -rf $@-from

BUILD = build/tools/bin/python -m build --no-isolation

# With all that it needs, for this Python on this machine: pip install --no-index --find-links dist/wheelhouse 'fs-1c[redis]'
wheelhouse: dist
	$(call WHEELS,$(PYTHON),dist/wheelhouse)
	cp build/first/*.whl dist/wheelhouse/

WHEELS = rm -rf $(2) && $(1) -m venv --clear build/pip && build/pip/bin/pip --quiet download --disable-pip-version-check \
    --require-hashes --only-binary :all: --dest $(2) --requirement requirements.lock

# The Debian package, for the Debian and the processor where it is made. The network is needed for the wheels alone.
deb: build/tools/.ready
	rm -rf build/deb && mkdir -p build/deb/fs-1c dist
	$(call WHEELS,/usr/bin/python3,build/deb/wheelhouse)
	$(call COPIED,build/deb/fs-1c)
	cd build/deb/fs-1c && env -u MAKEFLAGS dpkg-buildpackage --build=binary --no-sign
	cp build/deb/*.deb dist/
	if command -v lintian >/dev/null; then lintian --fail-on error build/deb/*.changes; fi

# What it does on a Debian of its own, made by mmdebstrap and started by systemd-nspawn, with people calling: as root,
# SUITE=trixie for a package made on another.
debtest: $(VENV)/.ready
	$(BIN)/python -m tests.debian $$(ls -t dist/fs-1c_*.deb | head -n 1) $(or $(SUITE),bookworm)

# The tools of this page; setuptools in the very version that is locked, for it is the one that builds.
build/tools/.ready: requirements.lock
	$(call ENVIRONMENT,build/tools)
	build/tools/bin/pip --quiet install --disable-pip-version-check uv cyclonedx-bom build
	awk '/^[^ ]/ { wanted = /^setuptools==/ } wanted' requirements.lock >build/tools/setuptools.lock
	build/tools/bin/pip --quiet install --disable-pip-version-check --require-hashes -r build/tools/setuptools.lock
	touch $@

# Debian keeps ensurepip in a package of its own (python3-venv). Without it `python3 -m venv` fails,
# and the pip that is there puts one into the bare environment instead.
ENVIRONMENT = $(PYTHON) -m venv --clear $(1) >/dev/null 2>&1 || { $(PYTHON) -m venv --clear --without-pip $(1) && \
    $(PYTHON) -m pip --quiet --python $(1)/bin/python install pip; }

$(VENV)/.ready: setup.cfg pyproject.toml
	$(call ENVIRONMENT,$(VENV))
	$(BIN)/python -m pip --quiet install --disable-pip-version-check -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
