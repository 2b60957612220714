# Every target makes what it needs. Relative paths only: make cannot cope with spaces in absolute ones.
PROFILE ?= lesson
SEED ?= 7
SETTING ?= sse
PY := .venv/bin/python
INSTALLED := .venv/.installed
INSTALLED_FOR_TESTS := .venv/.installed-test
INSTALLED_FOR_SWEEPS := .venv/.installed-sweep
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MODEL ?= course_conditional
.PHONY: help course test test-all arithmetic faults browser explore page pictures lab exercises refresh lint lock badges data pretrained clean

help:
	@echo 'Learn'
	@echo '  make lab         open the lessons in JupyterLab'
	@echo '  make explore     sliders over a generator, as a page  (MODEL=course_conditional, a run folder, a file)'
	@echo '  make page        the shipped generators as HTML files that draw by themselves, into runs/pages'
	@echo '  make data        prepare the data set'
	@echo 'Teach'
	@echo '  make course      run all lessons into runs/course  (PROFILE=quick|lesson|full SEED=7 FORCE=1)'
	@echo '  make test        the tests, and every notebook against its committed outputs'
	@echo '  make badges      write the address of your repository everywhere  (REPO=owner/name)'
	@echo 'Develop'
	@echo '  make test-all    also what takes long: 500 damaged files, two hours of training steps, other arithmetic'
	@echo '  make faults      the tests of the faults that the course survives, one line each'
	@echo '  make arithmetic  notebooks and numbers under the arithmetic of another processor  (SETTING=sse|avx2|plain)'
	@echo '  make lint        ruff over modules and notebooks'
	@echo '  make exercises   write the exercises into lessons and solutions'
	@echo '  make refresh     run the committed notebooks again, in place  (NAMES="03 05")'
	@echo '  make pictures    take the pictures of the explorer anew, in a real browser'
	@echo '  make pretrained  train the shipped generators'
	@echo '  make lock        pin the dependencies of pyproject.toml in the three lock files'
	@echo '  make clean       remove everything that was made here: .venv, runs, prepared data sets'
	@echo 'PYTHON=…           the Python (3.10 to 3.13) that .venv is made with'

course: data
	$(PY) -m gan_helpers.course run --profile '$(PROFILE)' --seed '$(SEED)' $(if $(FORCE),--force)

test: data browser $(INSTALLED_FOR_TESTS) $(INSTALLED_FOR_SWEEPS)
	$(PY) -m pytest --nbval -n 2 --dist loadscope -m 'not slow'

test-all: data browser $(INSTALLED_FOR_TESTS) $(INSTALLED_FOR_SWEEPS)
	$(PY) -m pytest --nbval -n 2 --dist loadscope
	$(PY) tests/arithmetic.py sse
	$(PY) tests/arithmetic.py plain

arithmetic: data $(INSTALLED_FOR_TESTS)
	$(PY) tests/arithmetic.py '$(SETTING)'

faults: data browser $(INSTALLED_FOR_TESTS) $(INSTALLED_FOR_SWEEPS)
	$(PY) -m pytest -m fault -n 2 --dist loadscope tests

# For the tests in a browser: installed where nobody has to be asked; where it cannot be, that is said, and they are skipped.
browser: $(INSTALLED_FOR_TESTS)
	@if $(PY) tests/browser.py --find; then exit; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	  echo 'Installing Chromium for the tests in a browser…'; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium > /dev/null && exit; \
	fi; \
	echo 'No Chromium here, and no way to install it: the tests in a browser are skipped (with CI set, they fail).' \
	  'On Debian and Ubuntu, as root: apt-get update && apt-get install -y chromium' >&2

explore: data
	$(PY) -m gan_helpers explore '$(MODEL)'

PAGES := course_conditional course_dcgan course_mlp
page: data
	@mkdir -p runs/pages
	for model in $(PAGES); do $(PY) -m gan_helpers page "$$model" --to "runs/pages/$$model.html" || exit; done

pictures: data browser $(INSTALLED_FOR_TESTS)
	$(PY) tests/browser.py

# From the root, so that the notebooks can show what lies in images/.
lab: data
	$(PY) -m jupyterlab --FileContentsManager.preferred_dir=notebooks \
	  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate

exercises: $(INSTALLED)
	$(PY) -m gan_helpers.course exercises

refresh: data
	$(PY) -m gan_helpers.course refresh $(NAMES)

lint: $(INSTALLED_FOR_TESTS)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

# uv resolves for every platform at once, which pip cannot; it is needed here only, so it is not a dependency.
# What tests and sweeps need beyond what learners run is held to the same versions, so that it changes none of them.
COMPILE = $(PY) -m uv pip compile --universal --python-version 3.10 --generate-hashes --no-emit-index-url \
  --no-emit-find-links --custom-compile-command "make lock" --quiet pyproject.toml
lock: $(INSTALLED)
	$(PY) -m pip install --quiet uv
	$(COMPILE) --extra lab --output-file requirements.lock
	$(COMPILE) --extra test --constraint requirements.lock --output-file requirements-test.lock
	$(COMPILE) --extra sweep --constraint requirements.lock --output-file requirements-sweep.lock

badges: $(INSTALLED)
	$(PY) -m gan_helpers.course badges $(if $(REPO),--repo '$(REPO)')

# Takes no time where the dataset is prepared already: so this needs no stamp that could lie.
data: $(INSTALLED)
	@$(PY) -m gan_helpers.data

pretrained: data
	$(PY) -m gan_helpers.runs.shipped

clean:
	rm -rf .venv runs data/prepared build *.egg-info .pytest_cache .ruff_cache
	rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/fashion-gan-course/prepared"  # where data/ is read-only

# An environment counts only when it was finished and its Python still answers; otherwise it is made anew.
ifneq ($(shell $(PY) -c 'print("here")' 2>/dev/null),here)
.PHONY: $(INSTALLED)
endif

$(INSTALLED): requirements.lock pyproject.toml
	@if [ -e $@ ] && $(PY) -c '' 2>/dev/null; then exit; fi; \
	for python in $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3.10 python3 python); do \
	  version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
	  found="$$found $$python=$$version"; \
	  case $$version in \
	    3.10|3.11|3.12|3.13) "$$python" -c 'import ensurepip' 2>/dev/null && exec "$$python" -m venv --clear .venv; \
	      found="$$found (lacks ensurepip; on Debian and Ubuntu: apt install python$$version-venv)";; \
	  esac; \
	done; \
	echo "The course needs Python 3.10 to 3.13. Found:$${found:- none}. Name one with PYTHON=…" >&2; exit 1
	@rm -f $@
	@echo 'Installing the locked dependencies into .venv (some minutes, once)…'
	$(PY) -m pip install --quiet --require-hashes -r requirements.lock
	$(PY) -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# What learners do not need: pytest, nbval, Playwright and ruff; Optuna and pandas.
$(INSTALLED_FOR_TESTS): $(INSTALLED) requirements-test.lock
	$(PY) -m pip install --quiet --require-hashes -r requirements-test.lock
	@touch $@

$(INSTALLED_FOR_SWEEPS): $(INSTALLED) requirements-sweep.lock
	$(PY) -m pip install --quiet --require-hashes -r requirements-sweep.lock
	@touch $@
