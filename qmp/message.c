#include "config.h"
#include "qmp/message.h"

#include <string.h>
#include "base/log.h"

uint32_t qmp_find_id(const struct qmp_tape *t)
{
    uint32_t id = QMP_NONE;
    if (t->n_tokens == 0 || qmp_tape_kind(t, 0) != QMP_KIND_OBJECT)
        return QMP_NONE;
    QMP_TAPE_MEMBERS (t, 0, name, value) {
        if (!qmp_tape_string_is(t, name, SPAN_LIT("id")))
            continue;
        if (t->tokens[value]
                .faulty) /* a second id is faulty too: nobody could tell which is meant */
            return QMP_NONE;
        id = value;
    }
    return id;
}

/* A peer's name fit for an error's text, which ends at a NUL. */
static const char *printable(struct span name, char out[LOG_ESCAPE_MAX])
{
    if (name.len >= LOG_ESCAPE_MAX || memchr(name.data, '\0', name.len))
        return log_escape(name.data, name.len, out);
    memcpy(out, name.data, name.len);
    out[name.len] = '\0';
    return out;
}

/* --- requests --------------------------------------------------------------------------------- */

enum request_member {
    MEMBER_EXECUTE,
    MEMBER_EXEC_OOB,
    MEMBER_ARGUMENTS,
    MEMBER_ID,
    MEMBER_UNKNOWN
};

static enum request_member which_request_member(struct span name)
{
    static const struct span names[] = {
        [MEMBER_EXECUTE] = SPAN_LIT("execute"),
        [MEMBER_EXEC_OOB] = SPAN_LIT("exec-oob"),
        [MEMBER_ARGUMENTS] = SPAN_LIT("arguments"),
        [MEMBER_ID] = SPAN_LIT("id"),
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (name.len == names[i].len && memcmp(name.data, names[i].data, name.len) == 0)
            return (enum request_member)i;
    }
    return MEMBER_UNKNOWN;
}

static int take_command(const struct qmp_tape *t, uint32_t value, bool oob, struct qmp_request *out,
                        struct error *err)
{
    if (qmp_tape_kind(t, value) != QMP_KIND_STRING)
        return error_set(err, ERROR_INVALID, "QMP input member '%s' must be a string",
                         oob ? "exec-oob" : "execute");
    if (out->command != QMP_NONE)
        return error_set(err, ERROR_INVALID, "QMP input member 'execute' clashes with 'exec-oob'");
    out->command = value;
    out->oob = oob;
    return 0;
}

static int take_request_member(const struct qmp_tape *t, uint32_t name, uint32_t value,
                               struct qmp_request *out, struct error *err)
{
    char text[LOG_ESCAPE_MAX];
    enum request_member member = which_request_member(qmp_tape_string(t, name));

    switch (member) {
    case MEMBER_EXECUTE:
    case MEMBER_EXEC_OOB:
        return take_command(t, value, member == MEMBER_EXEC_OOB, out, err);
    case MEMBER_ARGUMENTS:
        if (qmp_tape_kind(t, value) != QMP_KIND_OBJECT)
            return error_set(err, ERROR_INVALID, "QMP input member 'arguments' must be an object");
        out->arguments = value;
        return 0;
    case MEMBER_ID:
        return 0; /* found already */
    case MEMBER_UNKNOWN:
        break;
    }
    return error_set(err, ERROR_INVALID, "QMP input member '%s' is unexpected",
                     printable(qmp_tape_string(t, name), text));
}

int qmp_request_parse(const struct qmp_tape *t, struct qmp_request *out, struct error *err)
{
    *out = (struct qmp_request){ .command = QMP_NONE, .arguments = QMP_NONE, .id = qmp_find_id(t) };
    if (qmp_tape_kind(t, 0) != QMP_KIND_OBJECT)
        return error_set(err, ERROR_INVALID, "QMP input must be a JSON object");
    QMP_TAPE_MEMBERS (t, 0, name, value) {
        int rc = take_request_member(t, name, value, out, err);
        if (rc < 0)
            return rc;
    }
    if (out->command == QMP_NONE)
        return error_set(err, ERROR_INVALID, "QMP input lacks member 'execute'");
    return 0;
}

/* --- answers ---------------------------------------------------------------------------------- */

enum answer_member {
    ANSWER_QMP,
    ANSWER_RETURN,
    ANSWER_ERROR,
    ANSWER_ID,
    ANSWER_EVENT,
    ANSWER_DATA,
    ANSWER_TIMESTAMP,
    N_ANSWER_MEMBERS
};

#define BIT(n) (1u << (n))

static const struct {
    struct span name;
    unsigned kinds; /* that its value may have, as bits */
} answer_members[N_ANSWER_MEMBERS] = {
    [ANSWER_QMP] = { SPAN_LIT("QMP"), BIT(QMP_KIND_OBJECT) },
    [ANSWER_RETURN] = { SPAN_LIT("return"), ~0u },
    [ANSWER_ERROR] = { SPAN_LIT("error"), BIT(QMP_KIND_OBJECT) },
    [ANSWER_ID] = { SPAN_LIT("id"), ~0u },
    [ANSWER_EVENT] = { SPAN_LIT("event"), BIT(QMP_KIND_STRING) },
    [ANSWER_DATA] = { SPAN_LIT("data"), BIT(QMP_KIND_OBJECT) },
    [ANSWER_TIMESTAMP] = { SPAN_LIT("timestamp"), BIT(QMP_KIND_OBJECT) },
};

static const struct {
    unsigned must, may; /* members, as bits */
    enum answer_member body;
} answer_shapes[] = {
    [QMP_ANSWER_GREETING] = { BIT(ANSWER_QMP), 0, ANSWER_QMP },
    [QMP_ANSWER_RETURN] = { BIT(ANSWER_RETURN), BIT(ANSWER_ID), ANSWER_RETURN },
    [QMP_ANSWER_ERROR] = { BIT(ANSWER_ERROR), BIT(ANSWER_ID), ANSWER_ERROR },
    [QMP_ANSWER_EVENT] = { BIT(ANSWER_EVENT), BIT(ANSWER_DATA) | BIT(ANSWER_TIMESTAMP),
                           ANSWER_DATA },
};

static int find_answer_members(const struct qmp_tape *t, enum qmp_unknown unknown,
                               uint32_t found[N_ANSWER_MEMBERS], struct error *err)
{
    char text[LOG_ESCAPE_MAX];
    QMP_TAPE_MEMBERS (t, 0, name, value) {
        size_t i = 0;
        while (i < N_ANSWER_MEMBERS && !qmp_tape_string_is(t, name, answer_members[i].name))
            i++;
        if (i == N_ANSWER_MEMBERS && unknown == QMP_UNKNOWN_IGNORED)
            continue;
        if (i == N_ANSWER_MEMBERS)
            return error_set(
                err, ERROR_PEER, "the VM's message has an unknown member '%s'",
                log_escape(qmp_tape_string(t, name).data, qmp_tape_string(t, name).len, text));
        if (!(answer_members[i].kinds & BIT(qmp_tape_kind(t, value))))
            return error_set(err, ERROR_PEER, "member '%s' of the VM's message has a wrong type",
                             answer_members[i].name.data);
        found[i] = value;
    }
    return 0;
}

int qmp_answer_parse(const struct qmp_tape *t, enum qmp_unknown unknown, struct qmp_answer *out,
                     struct error *err)
{
    uint32_t found[N_ANSWER_MEMBERS];
    unsigned have = 0;

    if (qmp_tape_kind(t, 0) != QMP_KIND_OBJECT)
        return error_set(err, ERROR_PEER, "the VM's message is not an object");
    for (size_t i = 0; i < N_ANSWER_MEMBERS; i++)
        found[i] = QMP_NONE;
    int rc = find_answer_members(t, unknown, found, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < N_ANSWER_MEMBERS; i++)
        have |= found[i] == QMP_NONE ? 0 : BIT(i);
    for (size_t i = 0; i < ARRAY_SIZE(answer_shapes); i++) {
        if ((have & ~answer_shapes[i].may) != answer_shapes[i].must)
            continue;
        *out = (struct qmp_answer){
            .kind = (enum qmp_answer_kind)i,
            .body = found[answer_shapes[i].body],
            .id = found[ANSWER_ID],
            .event = found[ANSWER_EVENT],
            .timestamp = found[ANSWER_TIMESTAMP],
        };
        return 0;
    }
    return error_set(err, ERROR_PEER, "the VM's message is no greeting, return, error or event");
}
