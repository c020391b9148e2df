# Manual pages: docs/man/X.N.scd -> X.N by scdoc. Releases carry the pages, so that who builds one
# needs no scdoc.
man_pages = \
    docs/man/libqdev.3 \
    docs/man/libqmp.3 \
    docs/man/policy.conf.5 \
    docs/man/qmpgate-arguments.7 \
    docs/man/qmpgate-audit.1 \
    docs/man/qmpgate-audit.5 \
    docs/man/qmpgate-protocol.7 \
    docs/man/qmpgated.8 \
    docs/man/qmpgate.1 \
    docs/man/qmpgate.conf.5
man_sources = \
    docs/man/libqdev.3.scd \
    docs/man/libqmp.3.scd \
    docs/man/policy.conf.5.scd \
    docs/man/qmpgate-arguments.7.scd.in \
    docs/man/qmpgate-audit.1.scd \
    docs/man/qmpgate-audit.5.scd \
    docs/man/qmpgate-protocol.7.scd \
    docs/man/qmpgated.8.scd \
    docs/man/qmpgate.1.scd \
    docs/man/qmpgate.conf.5.scd.in
EXTRA_DIST += $(man_sources) README.md COPYING docs/HACKING.md docs/performance.md docs/threat-model.md
MAINTAINERCLEANFILES += $(man_pages)
dist_doc_DATA += docs/libraries.md docs/libvirt.md docs/logging-in.md
dist_pkgdata_DATA += docs/qmpgate-audit.schema.json
if BUILD_MAN
dist_man_MANS += $(man_pages)
endif

AM_V_MAN = $(AM_V_MAN_@AM_V@)
AM_V_MAN_ = $(AM_V_MAN_@AM_DEFAULT_V@)
AM_V_MAN_0 = @echo "  MAN     " $@;
make_man = $(MKDIR_P) $(@D) && $(SCDOC) >$@.new && mv $@.new $@

SUFFIXES = .scd
.scd:
	$(AM_V_MAN)($(make_man)) <$<

# Its OPTIONS come from the table. The program is built first, but being newer than the page it
# does not ask for a new one: the table does.
docs/man/qmpgate.conf.5: docs/man/qmpgate.conf.5.scd.in conf/option_table.c | conf/print_options$(EXEEXT)
	$(AM_V_MAN)$(MKDIR_P) $(@D) && conf/print_options$(EXEEXT) >$@.options && \
	$(SED) -e '/^@OPTIONS@$$/{r $@.options' -e 'd' -e '}' $(srcdir)/docs/man/qmpgate.conf.5.scd.in | \
	($(make_man)) && rm -f $@.options

# Likewise, from the table of arguments and the pinned schema.
argument_tables = acl/arguments.def acl/arguments_block.def acl/arguments_chardev.def \
    acl/arguments_common.def acl/arguments_machine.def acl/arguments_net.def acl/arguments_object.def
docs/man/qmpgate-arguments.7: docs/man/qmpgate-arguments.7.scd.in $(argument_tables) | acl/print_arguments$(EXEEXT)
	$(AM_V_MAN)$(MKDIR_P) $(@D) && \
	acl/print_arguments$(EXEEXT) $(srcdir)/tests/data/schema-7.2.json >$@.arguments && \
	$(SED) -e '/^@ARGUMENTS@$$/{r $@.arguments' -e 'd' -e '}' $(srcdir)/docs/man/qmpgate-arguments.7.scd.in | \
	($(make_man)) && rm -f $@.arguments

# Programs that tests compile against the installed library.
exampledir = $(docdir)/examples
dist_example_DATA = docs/examples/devices.c docs/examples/layer-one.c docs/examples/loop-libevent.c \
    docs/examples/loop-poll.c docs/examples/tutorial.c
