/* A stream whose other end is a VM of libvirt's: what is written are requests, what is read a
 * greeting, replies and events, as a monitor has them. A thread makes the calls, which block; out
 * of band there is nothing. The stream ends when it is not known what became of a call. */
#ifndef LIBQMP_LIBVIRT_H
#define LIBQMP_LIBVIRT_H

#include "net/stream.h"

/* "VM" or "VM?uri=URI"; without a URI libvirt chooses one. The thread connects. An error: this
 * library was built without libvirt, or it is not installed, or the text says nothing. */
int libvirt_stream_new(const char *text, struct stream **out, struct error *err) MUST_CHECK;

#endif
