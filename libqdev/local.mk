# libqdev: the public library of device descriptions.
noinst_LTLIBRARIES += libqdev/libqdevall.la
libqdev_libqdevall_la_CFLAGS = $(QG_CFLAGS)
libqdev_libqdevall_la_SOURCES = \
    libqdev/argv_read.c libqdev/argv_write.c \
    libqdev/catalogue.c libqdev/catalogue.h libqdev/catalogue_ask.c libqdev/catalogue_text.c \
    libqdev/chardev.c libqdev/chardev.h \
    libqdev/device.c \
    libqdev/json_read.c libqdev/json_write.c \
    libqdev/kinds.c libqdev/kinds.h \
    libqdev/limits.h \
    libqdev/nearest.c \
    libqdev/problem.c libqdev/problem.h \
    libqdev/validate.c \
    libqdev/value.c libqdev/value.h \
    libqdev/words.c libqdev/words.h \
    libqdev/xml.h libqdev/xml_read.c libqdev/xml_write.c \
    base/buf.c base/mem.c base/random.c base/secret.c base/utf8.c \
    qmp/names.c qmp/scan.c qmp/scan_number.c qmp/scan_string.c qmp/siphash.c qmp/tape.c

# Interfaces: current:revision:age.
lib_LTLIBRARIES += libqdev/libqdev.la
libqdev_libqdev_la_SOURCES =
libqdev_libqdev_la_LIBADD = libqdev/libqdevall.la
libqdev_libqdev_la_LDFLAGS = $(QG_LDFLAGS) -no-undefined -version-info 0:0:0 \
    -Wl,--version-script=$(top_srcdir)/libqdev/libqdev.map
libqdev_libqdev_la_DEPENDENCIES = libqdev/libqdevall.la libqdev/libqdev.map
EXTRA_DIST += libqdev/libqdev.map

include_HEADERS = libqdev/include/qdev.h
pkgconfig_DATA += libqdev/libqdev.pc

libqdev_unit_tests = tests/unit/test_qdev tests/unit/test_qdev_catalogue
check_PROGRAMS += $(libqdev_unit_tests)
TESTS += $(libqdev_unit_tests)
tests_unit_test_qdev_SOURCES = tests/unit/test_qdev.c
tests_unit_test_qdev_LDADD = libqdev/libqdevall.la $(CMOCKA_LIBS)
tests_unit_test_qdev_catalogue_SOURCES = tests/unit/test_qdev_catalogue.c
tests_unit_test_qdev_catalogue_LDADD = libqdev/libqdevall.la $(CMOCKA_LIBS)

# By the public library alone, as programs have it; a program itself, no script around it.
check_PROGRAMS += tests/libqdev/convert
tests_libqdev_convert_SOURCES = tests/libqdev/convert.c
tests_libqdev_convert_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_libqdev_convert_LDADD = libqdev/libqdev.la base/libbase.a

check_PROGRAMS += tests/libqdev/strings
tests_libqdev_strings_SOURCES = tests/libqdev/strings.c
tests_libqdev_strings_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_libqdev_strings_LDADD = libqdev/libqdev.la

# With libqmp: a catalogue from a VM, by whatever way.
check_PROGRAMS += tests/libqdev/catalogue
tests_libqdev_catalogue_SOURCES = tests/libqdev/catalogue.c
tests_libqdev_catalogue_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_libqdev_catalogue_LDADD = libqdev/libqdev.la libqmp/libqmp.la
if SANITIZED
if HAVE_LIBVIRT
tests_libqdev_catalogue_LDADD += $(LIBVIRT_LIBS)
endif
endif
$(tests_libqdev_catalogue_OBJECTS): libqmp/gen/stamp

libqdev_fuzz = tests/fuzz/fuzz_qdev tests/fuzz/fuzz_qdev_catalogue
check_PROGRAMS += $(libqdev_fuzz)
TESTS += $(libqdev_fuzz)
tests_fuzz_fuzz_qdev_SOURCES = tests/fuzz/fuzz_qdev.c tests/fuzz/replay.c
tests_fuzz_fuzz_qdev_LDADD = libqdev/libqdevall.la
tests_fuzz_fuzz_qdev_catalogue_SOURCES = tests/fuzz/fuzz_qdev_catalogue.c tests/fuzz/replay.c
tests_fuzz_fuzz_qdev_catalogue_LDADD = libqdev/libqdevall.la
EXTRA_DIST += tests/fuzz/corpus/qdev tests/fuzz/corpus/qdev_catalogue

TESTS += tests/libqdev/test_headers
EXTRA_DIST += tests/libqdev/test_headers
