#include "config.h"
#include "proxy/fairqueue.h"

#include "base/util.h"

void fairqueue_add(struct fairqueue *q, struct flow *f)
{
    if (f->next)
        return;
    f->deficit = 0;
    if (!q->ring) {
        f->next = f->prev = f;
        q->ring = f;
        return;
    }
    f->next = q->ring;
    f->prev = q->ring->prev;
    f->prev->next = f;
    f->next->prev = f;
}

void fairqueue_remove(struct fairqueue *q, struct flow *f)
{
    if (!f->next)
        return;
    if (f->next == f) {
        q->ring = NULL;
    } else {
        f->prev->next = f->next;
        f->next->prev = f->prev;
        if (q->ring == f)
            q->ring = f->next;
    }
    f->next = f->prev = NULL;
    f->deficit = 0;
}

struct flow *fairqueue_peek(struct fairqueue *q, size_t (*cost)(struct flow *f))
{
    while (q->ring) {
        struct flow *f = q->ring;
        if (f->deficit >= cost(f))
            return f;
        f->deficit += q->quantum;
        if (f->next == f) { /* alone: nobody to wait for */
            if (f->deficit < cost(f))
                f->deficit = cost(f);
            return f;
        }
        q->ring = f->next;
    }
    return NULL;
}

void fairqueue_charge(struct flow *f, size_t bytes)
{
    f->deficit -= bytes < f->deficit ? bytes : f->deficit;
}
