/* What libqmp takes from a peer, and makes of it: name, unit, reason. */
#ifndef LIBQMP_LIMITS_H
#define LIBQMP_LIMITS_H

#define LIMIT_API_TEXT_BYTES (64u << 20) /* bytes of one message; QEMU's own limit of tokens */
#define LIMIT_API_DEPTH      512u /* levels; each backing file of an image is one, 200 are many */
#define LIMIT_API_TOKENS     (2u << 20)   /* tokens; QEMU's own limit */
#define LIMIT_API_MADE_BYTES (512u << 20) /* bytes of structures made of one message */
#define LIMIT_API_MEMBERS    256u         /* of one object, a bit each on the stack; 7.2 has 32 */
#define LIMIT_API_PATH       256u         /* bytes of a member's path in an error, with NUL */

/* --- a session -------------------------------------------------------------------------------- */
#define LIMIT_API_LINE_DEPTH  1024u       /* levels of what is not read yet; QEMU's own limit */
#define LIMIT_API_LINE_TOKENS 64u         /* of the top level only */
#define LIMIT_API_EVENTS      1024u       /* events that nobody took; the oldest go first */
#define LIMIT_API_READ_BYTES  (64u << 10) /* bytes at once */

#endif
