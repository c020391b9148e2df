/* What one command's or event's probe is made of; for libqmp/gen/probes.c only. */
#ifndef TESTS_LIBQMP_PROBE_MACROS_H
#define TESTS_LIBQMP_PROBE_MACROS_H

#include <stdio.h>
#include <stdlib.h>

#define PROBE_ARGS(c, args_c)                                                                \
    static struct args_c *probe_make_##c(const char *json, struct probe_result *r)           \
    {                                                                                        \
        struct args_c *made = NULL;                                                          \
        if (args_c##_from_json(json, &made, &r->err) < 0 && made)                            \
            probe_fail("something was made of what is refused");                             \
        return made;                                                                         \
    }                                                                                        \
    static int probe_args_##c(const char *json, struct qmp_msg *msg, struct probe_result *r) \
    {                                                                                        \
        struct args_c *made = probe_make_##c(json, r);                                       \
        if (!made)                                                                           \
            return -1;                                                                       \
        struct args_c *copy = args_c##_copy(made);                                           \
        if (!args_c##_equal(made, copy))                                                     \
            probe_fail("a copy differs");                                                    \
        args_c##_free(made);                                                                 \
        int rc = c##_build(copy, msg, &r->err);                                              \
        args_c##_free(copy);                                                                 \
        r->json = probe_message(msg);                                                        \
        return rc;                                                                           \
    }                                                                                        \
    static void probe_drop_##c(struct args_c *made)                                          \
    {                                                                                        \
        args_c##_free(made);                                                                 \
    }

#define PROBE_NO_ARGS(c)                                                                     \
    static struct c##_args *probe_make_##c(const char *json, struct probe_result *r)         \
    {                                                                                        \
        (void)json;                                                                          \
        (void)r;                                                                             \
        return NULL;                                                                         \
    }                                                                                        \
    static int probe_args_##c(const char *json, struct qmp_msg *msg, struct probe_result *r) \
    {                                                                                        \
        (void)json;                                                                          \
        int rc = c##_build(NULL, msg, &r->err);                                              \
        r->json = probe_message(msg);                                                        \
        return rc;                                                                           \
    }                                                                                        \
    static void probe_drop_##c(struct c##_args *made)                                        \
    {                                                                                        \
        (void)made;                                                                          \
    }

/* `declare` makes the variable `made`, `&made` or NULL is `place`, `show` writes r->json from it.
 */
#define PROBE_RESULT(c, declare, place, show, is_made)                       \
    static int probe_reply_##c(const char *json, struct probe_result *r)     \
    {                                                                        \
        declare;                                                             \
        if (c##_parse_reply(json, place, &r->err) < 0) {                     \
            if (is_made)                                                     \
                probe_fail("something was made of what is refused");         \
            return -1;                                                       \
        }                                                                    \
        show;                                                                \
        return r->json ? 0 : -1;                                             \
    }                                                                        \
    static int probe_call_##c(struct qmp_session *session, const char *json, \
                              struct probe_result *r)                        \
    {                                                                        \
        declare;                                                             \
        void *args = json ? probe_make_##c(json, r) : NULL;                  \
        int rc = r->err ? -1 : c(session, args, place, &r->err);             \
        probe_drop_##c(args);                                                \
        if (rc < 0)                                                          \
            return -1;                                                       \
        show;                                                                \
        return r->json ? 0 : -1;                                             \
    }

#define PROBE_SHOW(ret_c)                     \
    struct ret_c *copy = ret_c##_copy(made);  \
    if (!ret_c##_equal(made, copy))           \
        probe_fail("a copy differs");         \
    ret_c##_free(made);                       \
    r->json = ret_c##_to_json(copy, &r->err); \
    ret_c##_free(copy)

#define PROBE_REPLY(c, ret_c) \
    PROBE_RESULT(c, struct ret_c *made = NULL, &made, PROBE_SHOW(ret_c), made != NULL)

#define PROBE_REPLY_TEXT(c, convert) \
    PROBE_RESULT(c, char *made = NULL, &made, r->json = convert(made); free(made), made != NULL)

#define PROBE_REPLY_NOTHING(c) PROBE_RESULT(c, , NULL, r->json = probe_same("{}"), false)

#define PROBE_REPLY_ENUM(c, ret_c)                           \
    PROBE_RESULT(c, enum ret_c made = (enum ret_c)0, &made,  \
                 const char *word = ret_c##_to_string(made); \
                 r->json = word ? probe_quote(word) : probe_same("null"), false)

#define PROBE_REPLY_NUMBER(c, ret_type)                               \
    PROBE_RESULT(c, ret_type made = 0, &made, char text[64];          \
                 snprintf(text, sizeof(text), "%.17g", (double)made); \
                 r->json = probe_same(text), false)

#define PROBE_EVENT(e, data_c, branch)                                                \
    static int probe_event_##e(const struct qmp_event *event, struct probe_result *r) \
    {                                                                                 \
        struct data_c *copy = data_c##_copy(event->u.branch);                         \
        if (!data_c##_equal(event->u.branch, copy))                                   \
            probe_fail("a copy differs");                                             \
        r->json = data_c##_to_json(copy, &r->err);                                    \
        data_c##_free(copy);                                                          \
        return r->json ? 0 : -1;                                                      \
    }

#endif
