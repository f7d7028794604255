/* body_source.h - where the content of a request comes from. The type is public: httpclient.h. */
#ifndef HC_BODY_SOURCE_H
#define HC_BODY_SOURCE_H

#include "../base/internal.h"
#include "../httpclient.h"

HC_INTERNAL_BEGIN

/* Closes the file, if there is one, and forgets the rest. */
void hc_body_source_drop(hc_body_source *body);

HC_INTERNAL_END

#endif
