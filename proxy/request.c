#include "config.h"
#include "proxy/request.h"

#include <stdlib.h>
#include "base/mem.h"
#include "base/secret.h"
#include "qmp/write.h"

static void set_id(struct request *r)
{
    uint32_t id = r->view.id;
    if (id == QMP_NONE)
        return;
    if (qmp_tape_kind(r->tape, id) > QMP_KIND_ARRAY) {
        r->id = qmp_tape_raw(r->tape, id);
    } else { /* may have line feeds between its parts, which would break our framing of lines */
        qmp_write_verbatim(&r->id_text, r->tape, id);
        r->id = (struct span){ buf_data(&r->id_text), buf_len(&r->id_text) };
    }
}

#define HEAD ((sizeof(struct request) + 15) & ~(size_t)15)

static size_t request_size(const struct qmp_tape *tape)
{
    return HEAD + qmp_tape_copy_size(tape);
}

struct request *request_new(enum request_kind kind, const struct qmp_tape *tape,
                            const struct qmp_request *view)
{
    struct request *r = mem_alloc(request_size(tape));
    *r = (struct request){ .kind = kind, .view = *view, .bytes = tape->text_len, .oob = view->oob };
    r->tape = qmp_tape_copy_into(tape, (char *)r + HEAD);
    set_id(r);
    return r;
}

void request_free(struct request *r)
{
    if (!r)
        return;
    caller_unref(r->caller);
    buf_free(&r->id_text);
    buf_free(&r->broken);
    buf_free(&r->answer);
    if (r->secret)
        secret_free(r, request_size(r->tape));
    else
        free(r);
}

struct span request_command(const struct request *r)
{
    if (r->view.command == QMP_NONE)
        return (struct span){ "", 0 };
    return qmp_tape_string(r->tape, r->view.command);
}

struct request *request_twin(const struct request *r)
{
    struct request *twin = request_new(r->kind, r->tape, &r->view);
    twin->caller = caller_ref(r->caller);
    twin->monitor = r->monitor;
    twin->state = r->state;
    twin->quit = r->quit;
    twin->secret = r->secret;
    twin->recorded = r->recorded;
    twin->slot = r->slot;
    twin->number = r->number;
    twin->sent_us = r->sent_us;
    return twin;
}

void request_orphan(struct request *r)
{
    r->session = NULL;
    r->prev = r->next = NULL;
}
