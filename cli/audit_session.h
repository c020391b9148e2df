/* One session as a transcript: who, from where, each command with what came of it. */
#ifndef CLI_AUDIT_SESSION_H
#define CLI_AUDIT_SESSION_H

#include "cli/audit_print.h"

struct audit_session;

/* `connection` of the run of the gateway that record `within` is in; 0: of the only run that has
 * one. */
struct audit_session *audit_session_new(uint64_t connection, uint64_t within,
                                        enum audit_format format, const struct output *o);
void audit_session_free(struct audit_session *s);

/* Each record in order. False: the session has ended. */
bool audit_session_take(struct audit_session *s, struct audit_record_view *v);

/* At the end: prints it. False if there is no such session, or more than one; that is told. */
bool audit_session_end(struct audit_session *s);

/* "5" or "5@120". */
bool audit_session_parse(const char *text, uint64_t *connection, uint64_t *within);

#endif
