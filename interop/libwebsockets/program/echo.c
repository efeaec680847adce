/* An echo server on libwebsockets: echo HOST PORT */
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

/* A message that waits to be sent back; larger ones are refused. */
struct session {
    unsigned char buffer[LWS_PRE + 65536];
    size_t length;
    int binary;
    int waiting;
};

static int echo(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                size_t length)
{
    struct session *session = user;

    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        memset(session, 0, sizeof *session);
        break;
    case LWS_CALLBACK_RECEIVE:
        if (lws_is_first_fragment(wsi))
            session->length = 0;
        if (session->length + length > sizeof session->buffer - LWS_PRE)
            return -1;
        if (length)
            memcpy(session->buffer + LWS_PRE + session->length, in, length);
        session->length += length;
        if (lws_is_final_fragment(wsi)) {
            session->binary = lws_frame_is_binary(wsi);
            session->waiting = 1;
            /* One message at a time: the next is read when this one has gone. */
            lws_rx_flow_control(wsi, 0);
            lws_callback_on_writable(wsi);
        }
        break;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        if (!session->waiting)
            break;
        if (lws_write(wsi, session->buffer + LWS_PRE, session->length,
                      session->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT) < 0)
            return -1;
        session->waiting = 0;
        lws_rx_flow_control(wsi, 1);
        break;
    default:
        break;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct lws_protocols protocols[] = {
        {.name = "echo", .callback = echo, .per_session_data_size = sizeof(struct session),
         .rx_buffer_size = 65536},
        {0},
    };
    struct lws_context_creation_info info;
    struct lws_context *context;

    if (argc != 3)
        return 2;
    lws_set_log_level(LLL_ERR | LLL_WARN, NULL);
    memset(&info, 0, sizeof info);
    info.iface = argv[1];
    info.port = atoi(argv[2]);
    info.protocols = protocols;
    context = lws_create_context(&info);
    if (!context)
        return 1;
    while (lws_service(context, 0) >= 0)
        ;
    lws_context_destroy(context);
    return 1;
}
