# For maintainers. Each script has a --help.
maintainer_scripts = \
    scripts/check-abi \
    scripts/check-audit-codes \
    scripts/check-coverage \
    scripts/check-includes \
    scripts/check-options \
    scripts/compdb \
    scripts/fuzz \
    scripts/install-deps \
    scripts/lint \
    scripts/update-schema \
    scripts/variant
EXTRA_DIST += $(maintainer_scripts) quickstart runtests .ci/run tests/e2e/soak.py

TESTS += scripts/check-audit-codes scripts/check-includes scripts/check-options

variants = $(abs_top_builddir)/build

# With the libraries of the last release.
.PHONY: check-abi
check-abi: libqmp/libqmp.la libqdev/libqdev.la
	$(top_srcdir)/scripts/check-abi $(abs_top_builddir)

.PHONY: lint check-asan check-coverage check-tsan check-valgrind fuzz compdb compdb-all

lint:
	$(top_srcdir)/scripts/lint $(top_srcdir)

check-asan:
	$(top_srcdir)/scripts/variant $(variants)/asan --enable-developer \
	    --enable-sanitizers=address,undefined
	$(MAKE) -C $(variants)/asan check

# Of what decides which arguments may be, tests take every branch.
check-coverage:
	$(top_srcdir)/scripts/variant $(variants)/coverage --enable-developer \
	    CFLAGS="-O0 -g --coverage" LDFLAGS=--coverage
	find $(variants)/coverage -name '*.gcda' -delete
	$(MAKE) -C $(variants)/coverage $(policy_unit_tests)
	$(MAKE) -C $(variants)/coverage check-TESTS TESTS="$(policy_unit_tests)"
	$(top_srcdir)/scripts/check-coverage $(variants)/coverage

check-tsan:
	$(top_srcdir)/scripts/variant $(variants)/tsan --enable-developer --enable-sanitizers=thread
	$(MAKE) -C $(variants)/tsan check

# Unit tests only: replays and scripts find nothing more that way.
check-valgrind: all
	$(MAKE) check TESTS="$(filter tests/unit/%,$(TESTS))" \
	    LOG_COMPILER="valgrind -q --error-exitcode=99 --leak-check=full --track-fds=no"

fuzz:
	$(top_srcdir)/scripts/fuzz --build $(variants)/fuzz

compdb-all: $(PROGRAMS) $(check_PROGRAMS)

compdb:
	$(top_srcdir)/scripts/compdb . >$(top_srcdir)/compile_commands.json.new
	mv $(top_srcdir)/compile_commands.json.new $(top_srcdir)/compile_commands.json
