# Two commands: `make run` and `make test`. Each makes the environment first, once.
# Paths are relative, so the folder may have spaces in its name.

PYTHON ?= python3
VENV_PYTHON = .venv/bin/python
READY = .venv/.ready

.PHONY: help run test test-oldest test-browser test-peers test-colab test-assignments lab site students validate grade refresh bench ablation gpu lint clean address

help:
	@echo "make run      execute all lessons; read them in build/html. LESSON=02a: this one only"
	@echo "make test     test the package, run every notebook, compare what is the same everywhere"
	@echo "make test-oldest   the same with the oldest packages that pyproject.toml allows"
	@echo "make test-browser  every lesson and widget, and the site, in a real browser; pictures in build/screenshots"
	@echo "make test-peers   lessons 08 and 09 beside another library, deepinv"
	@echo "make test-colab    the set-up cell as on Colab and Kaggle, without them"
	@echo "make site     the course as a website in build/site, with a page that denoises"
	@echo "make students      the assignments without their solutions, in build/students"
	@echo "make validate NOTEBOOK=file.ipynb   run an assignment before you hand it in"
	@echo "make grade SUBMISSIONS=folder    marks and feedback for a folder or an LMS's zip (assignments/TEACHERS.md)"
	@echo "make test-assignments   the assignments, and the grader against good, wrong and hostile submissions"
	@echo "make lab      open the lessons in JupyterLab"
	@echo "make refresh  execute all lessons and store their outputs in notebooks/. LESSON=02a: this one only"
	@echo "make bench    our training beside the tutorial's and others', 3 minutes; FULL=1: an hour and more; ROW=dncnn: this row"
	@echo "make ablation the strong network with one thing changed at a time, 7 minutes; ROW='no position': this row, half a minute"
	@echo "make gpu      what a GPU makes of it, below 8 minutes on a machine that has one; PART=crossover: this part"
	@echo "make lint     check format and style, notebooks too"
	@echo "make clean    delete .venv and build"

$(READY): pyproject.toml
	@echo "Setting up .venv, once (PyTorch is large: this takes a few minutes) ..."
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 ...")'
	@test -x $(VENV_PYTHON) || $(PYTHON) -m venv .venv
	@$(VENV_PYTHON) -m pip install --quiet --editable ".[lab,test]"
	@touch $(READY)

# for authors: what the browser tests and the site need more
.venv/.ready-%: $(READY)
	@$(VENV_PYTHON) -m pip install --quiet --editable ".[$*]"
	@touch $@

run: $(READY)
	@$(VENV_PYTHON) scripts/run_course.py $(LESSON)

# The lessons run on the embedded digits: notebooks/conftest.py sees to it. Two notebooks at once, one thread
# each: threads of two busy processes would wait for each other.
PACKAGE = -m pytest -q -n 2 --dist worksteal tests --ignore tests/browser --ignore tests/colab --ignore tests/assignments --ignore tests/peers
NOTEBOOKS = -m pytest -q -n 2 --dist loadfile -W default --nbval-lax --nbval-current-env --nbval-cell-timeout=300 notebooks

test: $(READY)
	@echo "1 of 2: the package"
	@OMP_NUM_THREADS=1 $(VENV_PYTHON) $(PACKAGE)
	@echo "2 of 2: the notebooks, cell by cell"
	@OMP_NUM_THREADS=1 $(VENV_PYTHON) $(NOTEBOOKS)

# "torch>=2.2" in pyproject.toml becomes torch==2.2.*, and so on, down to what only authors need
build/oldest/.ready: pyproject.toml
	@echo "Setting up build/oldest, once (PyTorch 2.2 is there for Python 3.11 and 3.12) ..."
	@$(PYTHON) -m venv build/oldest
	@sed -nE '/^browser/q; s/^ *"([A-Za-z-]+)>=([0-9.]+)".*/\1==\2.*/p' pyproject.toml > build/oldest/oldest.txt
	@build/oldest/bin/python -m pip install --quiet --constraint build/oldest/oldest.txt --editable ".[lab,test]"
	@touch $@

# Old releases deprecate each other: no warning is an error here
test-oldest: build/oldest/.ready
	@OMP_NUM_THREADS=1 build/oldest/bin/python $(PACKAGE) -W default --disable-warnings
	@OMP_NUM_THREADS=1 build/oldest/bin/python $(NOTEBOOKS)

test-browser: .venv/.ready-browser site
	@OMP_NUM_THREADS=1 $(VENV_PYTHON) -m pytest -q -n 2 --dist loadgroup --maxschedchunk 1 tests/test_site.py tests/browser

test-peers: .venv/.ready-peers
	@OMP_NUM_THREADS=1 $(VENV_PYTHON) -m pytest -q -W default tests/peers

test-colab: $(READY)
	@$(VENV_PYTHON) -m pytest -q tests/colab

# By file, not by group: with pytest 9.2 xdist forgets the groups (pytest-dev/pytest-xdist#1386), and every worker grades everything
test-assignments: .venv/.ready-assignments
	@OMP_NUM_THREADS=1 $(VENV_PYTHON) -m pytest -q -n 2 --dist loadfile -W default tests/assignments

students: .venv/.ready-assignments
	@$(VENV_PYTHON) -m assignments.grading.students $(ASSIGNMENT)

validate: $(READY)
	@$(VENV_PYTHON) scripts/validate_assignment.py "$(NOTEBOOK)"

grade: .venv/.ready-assignments
	@$(VENV_PYTHON) -m assignments.grading "$(SUBMISSIONS)" $(if $(JOBS),--jobs $(JOBS)) $(if $(ANYWAY),--anyway) \
		$(if $(AGAIN),--again "$(filter-out 1,$(AGAIN))") $(if $(ROSTER),--roster "$(ROSTER)") $(if $(DUE),--due "$(DUE)") \
		$(if $(NO_SANDBOX),--no-sandbox)

site: .venv/.ready-site
	@$(VENV_PYTHON) site/build.py

lab: $(READY)
	@$(VENV_PYTHON) -m jupyter lab --notebook-dir=notebooks

refresh: $(READY)
	@$(VENV_PYTHON) scripts/run_course.py --refresh $(LESSON)

bench: $(READY)
	@$(VENV_PYTHON) benchmarks/bench.py $(if $(FULL),--full) $(if $(ROW),--row "$(ROW)")
	@$(if $(FULL)$(ROW),$(VENV_PYTHON) benchmarks/chart.py)

gpu: $(READY)
	@$(VENV_PYTHON) benchmarks/gpu.py $(PART)

ablation: $(READY)
	@$(VENV_PYTHON) benchmarks/ablation.py $(if $(ROW),"$(ROW)")

lint: $(READY)
	@$(VENV_PYTHON) -m ruff check . && $(VENV_PYTHON) -m ruff format --check .

clean:
	rm -rf .venv build

# Before you publish a copy: make address URL=https://github.com/NAME/REPOSITORY
address:
	@$(PYTHON) scripts/set_address.py $(URL)
