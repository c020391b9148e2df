#include "config.h"
#include "proxy/offload.h"

#include "base/mem.h"

static void run_home(struct loop *loop, struct loop_message *message)
{
    struct offload *step = container_of(message, struct offload, message);
    struct offload_slot *slot = step->slot;
    (void)loop;
    if (slot) {
        slot->step = NULL;
        step->ops->home(slot, step);
    }
    step->ops->free(step);
}

static void run_work(struct worker_job *job)
{
    struct offload *step = container_of(job, struct offload, job);
    step->ops->work(step);
    inbox_post(step->inbox, &step->message); /* and with that it is the loop's */
}

int offload_start(struct offload_slot *slot, struct offload *take_step,
                  const struct offload_ops *ops, struct worker_pool *pool, struct inbox *inbox)
{
    if (slot->step) {
        ops->free(take_step);
        return ERROR_STATE;
    }
    take_step->job.run = run_work;
    take_step->message.run = run_home;
    take_step->ops = ops;
    take_step->pool = pool;
    take_step->inbox = inbox;
    take_step->slot = slot;
    slot->step = take_step; /* before it may come home */
    int rc = worker_submit(pool, &take_step->job);
    if (rc < 0) {
        slot->step = NULL;
        ops->free(take_step);
    }
    return rc;
}

void offload_cancel(struct offload_slot *slot)
{
    struct offload *step = TAKE_PTR(slot->step);
    if (!step)
        return;
    step->slot = NULL;
    if (worker_withdraw(step->pool, &step->job))
        step->ops->free(step);
    else if (step->ops->cancelled)
        step->ops->cancelled(step);
}
