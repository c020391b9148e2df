/* Commands, replies and events as whole messages, by tables; and what typed functions of the
 * generator are made of. */
#ifndef LIBQMP_COMMAND_H
#define LIBQMP_COMMAND_H

#include "libqmp/codec.h"

struct codec_command {
    const char *name;
    const struct codec_type *args;    /* an object, or NULL: it takes none */
    const struct codec_type *returns; /* or NULL: nothing that tells anything */
    bool oob;                         /* QEMU runs it out of band too */
};

int codec_build(const struct codec_command *command, const void *args, struct qmp_msg *msg,
                struct qmp_error **err);
/* `ret`: a place of the type that it returns, which is emptied first; NULL is fine. */
int codec_parse_reply(const struct codec_command *command, const char *json, void *ret,
                      struct qmp_error **err);

/* Of a command of any name; *result: JSON text, owned; NULL is fine. */
int codec_parse_any(const char *name, const char *json, char **result, struct qmp_error **err);

#define CODEC_COMMAND_NAME_MAX 128 /* bytes with NUL; QEMU's longest has 35 */

/* The command that was built; false if there is none, or it has an id. */
bool codec_msg_command(const struct qmp_msg *msg, char name[CODEC_COMMAND_NAME_MAX]);

/* Over a session: built, sent, waited for, parsed. */
struct qmp_session;
int codec_call(const struct codec_command *command, struct qmp_session *session, const void *args,
               void *ret, struct qmp_error **err);

int codec_from_json(const struct codec_type *type, const char *json, void *place,
                    struct qmp_error **err);
char *codec_to_json(const struct codec_type *type, const void *value, struct qmp_error **err);

/* --- enumerations ----------------------------------------------------------------------------- */

const char *codec_enum_to_string(const struct codec_type *type, uint32_t value);
uint32_t codec_enum_from_string(const struct codec_type *type, const char *text);

/* --- events ----------------------------------------------------------------------------------- */

/* Begins every struct qmp_event: generated code asserts it. */
struct codec_event {
    uint32_t kind; /* 0: unknown */
    char *name;
    int64_t seconds;
    int64_t microseconds;
    char *data; /* JSON text of an unknown event */
    void *u;    /* what the event's type is */
};

struct codec_events {
    const struct codec_type *kinds;        /* an enum: the names */
    const struct codec_type *const *types; /* by kind; NULL for those without data */
};

int codec_event_parse(const struct codec_events *events, const char *json,
                      struct codec_event **event, struct qmp_error **err);
/* With the parts apart, as libvirt has them; `data` may be NULL. */
int codec_event_parse_parts(const struct codec_events *events, const char *name, int64_t seconds,
                            int64_t microseconds, const char *data, struct codec_event **event,
                            struct qmp_error **err);
void codec_event_free(const struct codec_events *events, struct codec_event *event);

/* --- typed functions -------------------------------------------------------------------------- */

#define CODEC_VALUE_API(c)                                                        \
    void c##_free(struct c *value)                                                \
    {                                                                             \
        codec_clear(&codec_of_##c, &value);                                       \
    }                                                                             \
    struct c *c##_copy(const struct c *value)                                     \
    {                                                                             \
        struct c *copy;                                                           \
        codec_copy(&codec_of_##c, &value, &copy);                                 \
        return copy;                                                              \
    }                                                                             \
    bool c##_equal(const struct c *a, const struct c *b)                          \
    {                                                                             \
        return codec_equal(&codec_of_##c, &a, &b);                                \
    }                                                                             \
    int c##_from_json(const char *json, struct c **value, struct qmp_error **err) \
    {                                                                             \
        return codec_from_json(&codec_of_##c, json, value, err);                  \
    }                                                                             \
    char *c##_to_json(const struct c *value, struct qmp_error **err)              \
    {                                                                             \
        return codec_to_json(&codec_of_##c, value, err);                          \
    }                                                                             \
    struct c *c##_new(void)                                                       \
    {                                                                             \
        return codec_new(&codec_of_##c);                                          \
    }

#define CODEC_LIST_API(c, item_type)                                   \
    CODEC_VALUE_API(c)                                                 \
    void c##_append(struct c *list, item_type item)                    \
    {                                                                  \
        codec_append(&codec_of_##c, (struct codec_list *)list, &item); \
    }

#define CODEC_ENUM_API(c)                                           \
    const char *c##_to_string(enum c value)                         \
    {                                                               \
        return codec_enum_to_string(&codec_of_##c, value);          \
    }                                                               \
    enum c c##_from_string(const char *text)                        \
    {                                                               \
        return (enum c)codec_enum_from_string(&codec_of_##c, text); \
    }

#define CODEC_COMMAND_API(c, args_type, ret_type)                                     \
    int c##_build(const args_type *args, struct qmp_msg *msg, struct qmp_error **err) \
    {                                                                                 \
        return codec_build(&command_##c, args, msg, err);                             \
    }                                                                                 \
    int c##_parse_reply(const char *json, ret_type *ret, struct qmp_error **err)      \
    {                                                                                 \
        return codec_parse_reply(&command_##c, json, ret, err);                       \
    }                                                                                 \
    int c(struct qmp_session *session, const args_type *args, ret_type *ret,          \
          struct qmp_error **err)                                                     \
    {                                                                                 \
        return codec_call(&command_##c, session, args, ret, err);                     \
    }

#endif
