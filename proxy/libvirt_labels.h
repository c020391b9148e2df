/* Labels in a domain's metadata, which whoever may define the domain can write: text that is
 * hostile until it is read. They are the lines "key=value" of one element: <metadata><q:labels
 * xmlns:q="urn:qmpgate:labels:1">tenant=acme role=web</q:labels></metadata> */
#ifndef PROXY_LIBVIRT_LABELS_H
#define PROXY_LIBVIRT_LABELS_H

#include <stddef.h>
#include "base/buf.h"
#include "base/error.h"
#include "conf/conf.h"

#define LIBVIRT_LABELS_URI   "urn:qmpgate:labels:1"
#define LIBVIRT_LABELS_MAX   64u         /* of a domain */
#define LIBVIRT_LABELS_BYTES (16u << 10) /* of the element */

/* Of the element as libvirt gives it, without its prefix. All or nothing. */
int libvirt_labels_parse(const char *xml, struct conf_labels *out, struct error *err) MUST_CHECK;
/* Adds those whose key is not there yet. */
void libvirt_labels_add(struct conf_labels *to, const struct conf_labels *more);
/* "key=value": instead of the one of the key, or one more. "key=": without the one of the key; 0 if
 * there was none. */
int libvirt_labels_change(struct conf_labels *labels, const char *change,
                          struct error *err) MUST_CHECK;
/* The element that libvirt_labels_parse reads as these, and a NUL. Those that none can be are
 * refused. */
int libvirt_labels_format(const struct conf_labels *labels, struct buf *out,
                          struct error *err) MUST_CHECK;
void libvirt_labels_free(struct conf_labels *labels);

#endif
