noinst_LIBRARIES += qmp/libqmpcore.a
qmp_libqmpcore_a_SOURCES = qmp/tape.h qmp/scan.h qmp/frame.h qmp/message.h qmp/write.h qmp/schema.h
