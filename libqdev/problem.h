/* How libqdev makes its errors. */
#ifndef LIBQDEV_PROBLEM_H
#define LIBQDEV_PROBLEM_H

#include <qdev.h>
#include "base/util.h"

/* Makes *err unless err is NULL; returns -1. Control bytes of the text are replaced. */
int qdev_problem(struct qdev_error **err, enum qdev_error_kind kind, const char *fmt, ...)
    PRINTF(3, 4);

/* A peer's text in a sentence: "%.*s" takes no more of it than this. */
#define SHOWN_MAX   64
#define SHOWN(span) ((int)((span).len < SHOWN_MAX ? (span).len : SHOWN_MAX)), (span).data

#endif
