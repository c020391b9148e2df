#include "config.h"
#include "libqmp/command.h"

#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "qmp/scan.h"
#include "qmp/write.h"

/* --- requests --------------------------------------------------------------------------------- */

struct qmp_msg {
    struct buf text; /* ended by NUL, which is not counted */
    uint64_t id;     /* for what is built from now on */
    bool oob;
    bool has_id; /* what was built */
    char command[CODEC_COMMAND_NAME_MAX];
};

struct qmp_msg *qmp_msg_new(void)
{
    return MEM_NEW(struct qmp_msg);
}

void qmp_msg_free(struct qmp_msg *msg)
{
    if (!msg)
        return;
    buf_free(&msg->text);
    free(msg);
}

void qmp_msg_set_id(struct qmp_msg *msg, uint64_t id)
{
    msg->id = id;
}

void qmp_msg_set_oob(struct qmp_msg *msg, bool oob)
{
    msg->oob = oob;
}

const char *qmp_msg_json(const struct qmp_msg *msg)
{
    return buf_len(&msg->text) ? buf_data(&msg->text) : "";
}

size_t qmp_msg_length(const struct qmp_msg *msg)
{
    return buf_len(&msg->text) ? buf_len(&msg->text) : 0;
}

static int fail(struct qmp_msg *msg)
{
    buf_clear(&msg->text);
    return -1;
}

static int refuse(struct qmp_msg *msg, const char *what, const struct codec_command *command,
                  struct qmp_error **err)
{
    problem_set(err, QMP_ERROR_KIND_ARGUMENT, QMP_OUTCOME_NOT_SENT, "%s %s", command->name, what);
    return fail(msg);
}

/* Arguments that are NULL are so many absent members. */
static bool needs_arguments(const struct codec_type *type)
{
    for (unsigned i = 0; type && i < type->n; i++) {
        if (!(type->members[i].flags & CODEC_OPTIONAL))
            return true;
    }
    return false;
}

int codec_build(const struct codec_command *command, const void *args, struct qmp_msg *msg,
                struct qmp_error **err)
{
    struct buf *b = &msg->text;
    buf_clear(b);
    if (args && !command->args)
        return refuse(msg, "takes no arguments", command, err);
    if (!args && needs_arguments(command->args))
        return refuse(msg, "needs arguments", command, err);
    if (msg->oob && !command->oob)
        return refuse(msg, "does not run out of band", command, err);
    buf_add_str(b, msg->oob ? "{\"exec-oob\":\"" : "{\"execute\":\"");
    buf_add_str(b, command->name);
    buf_add_char(b, '"');
    if (args) {
        BUF_ADD_LIT(b, ",\"arguments\":");
        if (codec_write(command->args, &args, command->name, b, err) < 0)
            return fail(msg);
    }
    if (msg->id) {
        BUF_ADD_LIT(b, ",\"id\":");
        buf_add_uint(b, msg->id);
    }
    buf_add(b, "}", 2);
    buf_truncate(b, buf_len(b) - 1);
    msg->has_id = msg->id != 0;
    snprintf(msg->command, sizeof(msg->command), "%s", command->name);
    return 0;
}

bool codec_msg_command(const struct qmp_msg *msg, char name[CODEC_COMMAND_NAME_MAX])
{
    memcpy(name, msg->command, sizeof(msg->command));
    return buf_len(&msg->text) > 0 && !msg->has_id;
}

/* --- replies ---------------------------------------------------------------------------------- */

static int not_a_reply(const struct codec_command *command, const char *what,
                       struct qmp_error **err)
{
    return problem_set(err, QMP_ERROR_KIND_REPLY, QMP_OUTCOME_UNKNOWN, "%s: the reply %s",
                       command->name, what);
}

static int take_error(const struct codec_command *command, const struct qmp_tape *t, uint32_t token,
                      struct qmp_error **err)
{
    uint32_t class = QMP_NONE, desc = QMP_NONE;
    if (qmp_tape_kind(t, token) == QMP_KIND_OBJECT) {
        class = qmp_tape_find(t, token, SPAN_LIT("class"));
        desc = qmp_tape_find(t, token, SPAN_LIT("desc"));
    }
    if (class == QMP_NONE || desc == QMP_NONE || qmp_tape_kind(t, class) != QMP_KIND_STRING ||
        qmp_tape_kind(t, desc) != QMP_KIND_STRING)
        return not_a_reply(command, "has an error of an unknown form", err);
    return problem_refused(err, qmp_tape_string(t, class), qmp_tape_string(t, desc));
}

static int read_return(const struct codec_command *command, const struct qmp_tape *t,
                       uint32_t token, void *ret, struct qmp_error **err)
{
    uint64_t unwanted = 0;
    if (!command->returns)
        return 0;
    void *place = ret ? ret : &unwanted;
    memset(place, 0, codec_place_size(command->returns));
    int rc =
        codec_read(command->returns, t, token, place, command->name, QMP_ERROR_KIND_REPLY, err);
    if (!ret)
        codec_clear(command->returns, place);
    return rc;
}

int codec_parse_reply(const struct codec_command *command, const char *json, void *ret,
                      struct qmp_error **err)
{
    int rc;
    if (ret && command->returns)
        memset(ret, 0, codec_place_size(command->returns));
    struct qmp_scanner *s = codec_scan(json, QMP_ERROR_KIND_REPLY, err);
    if (!s)
        return -1;
    const struct qmp_tape *t = qmp_scanner_tape(s);
    uint32_t good = QMP_NONE, bad = QMP_NONE;
    if (qmp_tape_kind(t, 0) == QMP_KIND_OBJECT) {
        good = qmp_tape_find(t, 0, SPAN_LIT("return"));
        bad = qmp_tape_find(t, 0, SPAN_LIT("error"));
    }
    if ((good == QMP_NONE) == (bad == QMP_NONE))
        rc = not_a_reply(command, "has neither or both of return and error", err);
    else if (bad != QMP_NONE)
        rc = take_error(command, t, bad, err);
    else
        rc = read_return(command, t, good, ret, err);
    qmp_scanner_free(s);
    return rc;
}

/* --- values ----------------------------------------------------------------------------------- */

int codec_from_json(const struct codec_type *type, const char *json, void *place,
                    struct qmp_error **err)
{
    memset(place, 0, codec_place_size(type));
    struct qmp_scanner *s = codec_scan(json, QMP_ERROR_KIND_ARGUMENT, err);
    if (!s)
        return -1;
    int rc =
        codec_read(type, qmp_scanner_tape(s), 0, place, type->name, QMP_ERROR_KIND_ARGUMENT, err);
    qmp_scanner_free(s);
    return rc;
}

char *codec_to_json(const struct codec_type *type, const void *value, struct qmp_error **err)
{
    CLEANUP_BUF struct buf b = { 0 };
    if (codec_write(type, &value, type->name, &b, err) < 0)
        return NULL;
    return mem_strndup(buf_data(&b), buf_len(&b));
}

const char *codec_enum_to_string(const struct codec_type *type, uint32_t value)
{
    return value < type->n ? type->values[value] : NULL;
}

uint32_t codec_enum_from_string(const struct codec_type *type, const char *text)
{
    for (uint32_t i = 1; text && i < type->n; i++) {
        if (strcmp(type->values[i], text) == 0)
            return i;
    }
    return 0;
}

/* --- commands of any name --------------------------------------------------------------------- */

static const struct codec_type any = {
    .name = "any", .kind = CODEC_ANY, .tag = CODEC_NONE, .u = CODEC_NONE, .open = CODEC_NONE
};

/* An object with nothing but `more`. */
struct any_args {
    char *more;
};
static const struct codec_type any_object = { .name = "arguments",
                                              .kind = CODEC_OBJECT,
                                              .size = sizeof(struct any_args),
                                              .tag = CODEC_NONE,
                                              .u = CODEC_NONE,
                                              .open = offsetof(struct any_args, more) };

static bool is_command_name(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len < CODEC_COMMAND_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == len;
}

int qmp_execute_build(const char *name, const char *arguments, struct qmp_msg *msg,
                      struct qmp_error **err)
{
    /* whether it runs out of band QEMU knows */
    const struct codec_command command = { .name = name, .args = &any_object, .oob = true };
    CLEANUP_FREE char *copy = mem_strdup(arguments);
    struct any_args args = { copy };
    if (is_command_name(name))
        return codec_build(&command, arguments ? &args : NULL, msg, err);
    problem_set(err, QMP_ERROR_KIND_ARGUMENT, QMP_OUTCOME_NOT_SENT,
                "a command cannot be called that");
    return fail(msg);
}

int codec_parse_any(const char *name, const char *json, char **result, struct qmp_error **err)
{
    const struct codec_command command = { .name = name, .returns = &any };
    return codec_parse_reply(&command, json, result, err);
}

int qmp_execute_parse_reply(const char *json, char **result, struct qmp_error **err)
{
    if (result)
        *result = NULL;
    return codec_parse_any("the command", json, result, err);
}
