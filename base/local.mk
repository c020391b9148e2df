noinst_LIBRARIES += base/libbase.a
base_libbase_a_SOURCES = \
    base/buf.c base/buf.h \
    base/clock.c base/clock.h \
    base/error.c base/error.h \
    base/glob.c base/glob.h \
    base/limits.h \
    base/log.c base/log.h \
    base/mem.c base/mem.h \
    base/secret.c base/secret.h \
    base/util.h
