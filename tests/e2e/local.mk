# The whole daemon, with real QEMUs and fake ones: make check-e2e [E2E='-k framing'].
# Needs Debian's pytest, that is /usr/bin/python3, and no root.
E2E =
PYTEST = $(PYTHON3) -B -m pytest -q -p no:cacheprovider

.PHONY: check-e2e
check-e2e: all $(check_PROGRAMS) $(check_DATA)
	QMPGATE_BUILD='$(abs_top_builddir)' $(PYTEST) '$(abs_top_srcdir)/tests/e2e' $(E2E)

EXTRA_DIST += tests/e2e

dist-hook:
	find '$(distdir)/tests' -name __pycache__ -prune -exec rm -rf '{}' +
