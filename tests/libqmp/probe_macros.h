/* What one command's or event's probe is made of; for libqmp/gen/probes.c only. */
#ifndef TESTS_LIBQMP_PROBE_MACROS_H
#define TESTS_LIBQMP_PROBE_MACROS_H

#include <stdio.h>
#include <stdlib.h>

#define PROBE_ARGS(c, args_c)                                                                \
    static int probe_args_##c(const char *json, struct qmp_msg *msg, struct probe_result *r) \
    {                                                                                        \
        struct args_c *made = NULL;                                                          \
        if (args_c##_from_json(json, &made, &r->err) < 0) {                                  \
            if (made)                                                                        \
                probe_fail("something was made of what is refused");                         \
            return -1;                                                                       \
        }                                                                                    \
        struct args_c *copy = args_c##_copy(made);                                           \
        if (!args_c##_equal(made, copy))                                                     \
            probe_fail("a copy differs");                                                    \
        args_c##_free(made);                                                                 \
        int rc = c##_build(copy, msg, &r->err);                                              \
        args_c##_free(copy);                                                                 \
        r->json = probe_message(msg);                                                        \
        return rc;                                                                           \
    }

#define PROBE_NO_ARGS(c)                                                                     \
    static int probe_args_##c(const char *json, struct qmp_msg *msg, struct probe_result *r) \
    {                                                                                        \
        (void)json;                                                                          \
        int rc = c##_build(NULL, msg, &r->err);                                              \
        r->json = probe_message(msg);                                                        \
        return rc;                                                                           \
    }

#define PROBE_REPLY(c, ret_c)                                            \
    static int probe_reply_##c(const char *json, struct probe_result *r) \
    {                                                                    \
        struct ret_c *made = NULL;                                       \
        if (c##_parse_reply(json, &made, &r->err) < 0) {                 \
            if (made)                                                    \
                probe_fail("something was made of what is refused");     \
            return -1;                                                   \
        }                                                                \
        struct ret_c *copy = ret_c##_copy(made);                         \
        if (!ret_c##_equal(made, copy))                                  \
            probe_fail("a copy differs");                                \
        ret_c##_free(made);                                              \
        r->json = ret_c##_to_json(copy, &r->err);                        \
        ret_c##_free(copy);                                              \
        return r->json ? 0 : -1;                                         \
    }

#define PROBE_REPLY_TEXT(c, show)                                        \
    static int probe_reply_##c(const char *json, struct probe_result *r) \
    {                                                                    \
        char *made = NULL;                                               \
        if (c##_parse_reply(json, &made, &r->err) < 0)                   \
            return -1;                                                   \
        r->json = show(made);                                            \
        free(made);                                                      \
        return 0;                                                        \
    }

#define PROBE_REPLY_NOTHING(c)                                           \
    static int probe_reply_##c(const char *json, struct probe_result *r) \
    {                                                                    \
        if (c##_parse_reply(json, NULL, &r->err) < 0)                    \
            return -1;                                                   \
        r->json = probe_same("{}");                                      \
        return 0;                                                        \
    }

#define PROBE_REPLY_ENUM(c, ret_c)                                       \
    static int probe_reply_##c(const char *json, struct probe_result *r) \
    {                                                                    \
        enum ret_c made;                                                 \
        if (c##_parse_reply(json, &made, &r->err) < 0)                   \
            return -1;                                                   \
        const char *word = ret_c##_to_string(made);                      \
        r->json = word ? probe_quote(word) : probe_same("null");         \
        return 0;                                                        \
    }

#define PROBE_REPLY_NUMBER(c, ret_type)                                  \
    static int probe_reply_##c(const char *json, struct probe_result *r) \
    {                                                                    \
        ret_type made;                                                   \
        char text[64];                                                   \
        if (c##_parse_reply(json, &made, &r->err) < 0)                   \
            return -1;                                                   \
        snprintf(text, sizeof(text), "%.17g", (double)made);             \
        r->json = probe_same(text);                                      \
        return 0;                                                        \
    }

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
