/*
 * What QuickJS must know of memory images when it runs as WebAssembly. Included before every file
 * of it; artifact/build/patch.rs puts calls of these functions into quickjs.c.
 *
 * A room's memory is an image that is copied page by page where the room writes. Counting
 * references to an object writes to it: a room that did nothing but call a few functions of the
 * platform had 90 pages of its own. Objects of the image are therefore neither counted nor freed.
 * They are told by their address: whatever lies below partykit_image_end was there when the image
 * was made, and nothing is put there afterwards (src/memory.rs).
 */
#ifndef PARTYKIT_IMAGE_H
#define PARTYKIT_IMAGE_H

/* 0 until there is an image. Both are defined in src/memory.rs. */
extern __UINTPTR_TYPE__ partykit_image_end;
/* Stands for the count of every object of the image: so high that nobody takes one for the only
   reference or for the last, however many of them a room makes and drops. */
extern int partykit_image_count;

/* How many more jumps and calls until the engine asks whether to go on. */
extern int partykit_interrupts;

static inline int partykit_in_image(const void *p)
{
    return (__UINTPTR_TYPE__)p < partykit_image_end;
}

static inline int *partykit_count(const void *header, int *own)
{
    return partykit_in_image(header) ? &partykit_image_count : own;
}

/* Bytes of an arena, the blocks of one size that are asked for at once. */
static inline int partykit_arena_bytes(int is_first, int block_bytes)
{
    if (!partykit_image_end)
        return 4096;
    if (!is_first)
        return 1024;
    return block_bytes < 256 ? 320 : 64 + block_bytes;
}

#endif
