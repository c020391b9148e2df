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
