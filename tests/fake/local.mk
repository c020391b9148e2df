# A QMP monitor without a VM: fast for the benchmark, misbehaving for the tests.
check_PROGRAMS += tests/fake/fake_monitor
tests_fake_fake_monitor_SOURCES = \
    tests/fake/client.c \
    tests/fake/command.c \
    tests/fake/fake_monitor.c \
    tests/fake/json.c tests/fake/json.h \
    tests/fake/monitor.h \
    tests/fake/options.c tests/fake/options.h \
    tests/fake/schema.c
tests_fake_fake_monitor_LDADD = base/libbase.a

# Not of the program: what tests preload into the daemon, so without the hardening of programs.
check_DATA += tests/fake/stall.so
CLEANFILES += tests/fake/stall.so
EXTRA_DIST += tests/fake/stall.c
tests/fake/stall.so: $(top_srcdir)/tests/fake/stall.c
	@$(MKDIR_P) tests/fake
	$(AM_V_CCLD)$(CC) $(CPPFLAGS) $(CFLAGS) -Wall -Wextra -shared -fPIC -o $@ \
	    '$(top_srcdir)/tests/fake/stall.c' -ldl
