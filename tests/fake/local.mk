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
preloads = tests/fake/diskfault.so tests/fake/powercut.so tests/fake/stall.so
check_DATA += $(preloads)
CLEANFILES += $(preloads)
EXTRA_DIST += tests/fake/diskfault.c tests/fake/powercut.c tests/fake/stall.c
$(preloads): tests/fake/%.so: $(top_srcdir)/tests/fake/%.c
	@$(MKDIR_P) tests/fake
	$(AM_V_CCLD)$(CC) $(CPPFLAGS) $(CFLAGS) -Wall -Wextra -shared -fPIC -o $@ $< -ldl
