/* Records as messages of syslog (RFC 5424), and their frames on a stream (RFC 5425, section 4.3).
 *
 *   <86>1 TIME HOST APP - TYPE [qmpgate@32473 seq="12" result="ok" ...] {"v":1,"seq":12,...}
 *
 * TIME is the record's own, TYPE (MSGID) its type, and the message is the record as it stands in
 * the log: ASCII, and so without a byte-order mark. Where it would be longer than the receiver is
 * known to take, the record is cut and a parameter cut="BYTES" tells how long it was; its hash is
 * among the parameters, so that it is found in the log. */
#ifndef AUDIT_SYSLOG_FORMAT_H
#define AUDIT_SYSLOG_FORMAT_H

#include "audit/sink_record.h"
#include "base/error.h"

#define SYSLOG_HOSTNAME_MAX 255u /* bytes, as are the others: RFC 5424, section 6 */
#define SYSLOG_APP_NAME_MAX 48u
#define SYSLOG_VALUE_MAX    256u /* of a record's value in a parameter; the record has all of it */

/* The private enterprise number that RFC 5612 sets aside for documentation. Nobody owns it, so it
 * says nothing about whose elements these are: qmpgate has none of its own yet, and those who have
 * one set sd_id. */
#define SYSLOG_SD_ID_DEFAULT "qmpgate@32473"

/* Whatever is in a record, header and parameters fit into this. */
#define SYSLOG_MESSAGE_MIN 8192u

struct syslog_format {
    unsigned facility; /* 0 to 23 */
    const char *hostname;
    const char *app_name;
    const char *sd_id;
    size_t message_bytes; /* at least SYSLOG_MESSAGE_MIN */
};

/* Appends one message, without a frame. */
void syslog_format_add(struct buf *out, const struct syslog_format *f, const struct sink_record *r);

/* Appends "LENGTH MESSAGE". */
void syslog_frame_add(struct buf *out, struct span message);

/* 1 to `max` visible ASCII characters: what a header's field is made of. */
bool syslog_is_printable(const char *s, size_t max);

#endif
