/*
 * The end of quickjs.c, as artifact/build/patch.rs leaves it: here the engine's own structures can
 * be named.
 */

/*
 * Called once, when a memory is about to become an image.
 *
 * A collection writes into the header of every object on the collector's list, so those of the
 * image are taken off it: to the collector they are what it calls referenced from outside, as is
 * everything that they refer to. Blocks of the image that are free stay so: what a room allocates
 * lies together, behind the image, instead of in one page here and one there.
 */
void partykit_seal(JSRuntime *rt)
{
    static struct list_head aside;
    struct list_head *head = &rt->gc_obj_list;
    int i;

    if (list_empty(head)) {
        init_list_head(&aside);
    } else {
        aside = *head;
        aside.next->prev = &aside;
        aside.prev->next = &aside;
        init_list_head(head);
    }
    for (i = 0; i < JS_ARENA_BLOCK_SIZE_COUNT; i++) {
        init_list_head(&rt->arena_state.arena_list[i]);
        init_list_head(&rt->arena_state.free_arena_list[i]);
    }
}
