noinst_LIBRARIES += conf/libconf.a
conf_libconf_a_SOURCES = \
    conf/check.c \
    conf/conf.c conf/conf.h \
    conf/form.c conf/form.h \
    conf/load.c conf/loader.h \
    conf/option_table.c conf/option_table.h \
    conf/outline.c \
    conf/read.c \
    conf/value.c conf/value.h

noinst_PROGRAMS += conf/print_options
conf_print_options_SOURCES = conf/print_options.c
conf_print_options_LDADD = conf/libconf.a base/libbase.a

conf_libs = conf/libconf.a base/libbase.a $(CONFUSE_LIBS)

check_PROGRAMS += tests/unit/test_conf
TESTS += tests/unit/test_conf
tests_unit_test_conf_SOURCES = tests/unit/test_conf.c
tests_unit_test_conf_LDADD = $(conf_libs) $(CMOCKA_LIBS)
EXTRA_DIST += tests/conf

check_PROGRAMS += tests/fuzz/fuzz_conf
TESTS += tests/fuzz/fuzz_conf
tests_fuzz_fuzz_conf_SOURCES = tests/fuzz/fuzz_conf.c tests/fuzz/replay.c
tests_fuzz_fuzz_conf_LDADD = $(conf_libs)
EXTRA_DIST += tests/fuzz/corpus/conf

# --- what is installed beside the program --------------------------------------------------------
examplesdir = $(docdir)/examples
dist_examples_DATA = conf/examples/qmpgate.conf conf/examples/policy.conf \
    conf/examples/policy-observer.conf conf/examples/policy-tenant.conf conf/examples/policy-migration.conf \
    conf/examples/sasl2-qmpgate.conf conf/examples/polkit-qmpgate.rules

systemdsystemunit_DATA = conf/units/qmpgated.service conf/units/qmpgated.socket
EXTRA_DIST += conf/units/qmpgated.service.in conf/units/qmpgated.socket conf/units/qmpgate.sysusers
CLEANFILES += conf/units/qmpgated.service

conf/units/qmpgated.service: conf/units/qmpgated.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) -e 's|@sbindir[@]|$(sbindir)|g' \
	    -e 's|@sysconfdir[@]|$(sysconfdir)|g' $(srcdir)/conf/units/qmpgated.service.in >$@.new && \
	mv $@.new $@

sysusersdir = $(prefix)/lib/sysusers.d
install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(sysusersdir)'
	$(INSTALL_DATA) $(srcdir)/conf/units/qmpgate.sysusers '$(DESTDIR)$(sysusersdir)/qmpgate.conf'
uninstall-local:
	rm -f '$(DESTDIR)$(sysusersdir)/qmpgate.conf'
