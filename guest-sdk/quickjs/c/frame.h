/*
 * How QuickJS measures its stack when it runs as WebAssembly. Included before every file of it
 * (artifact/build/nested.rs); it changes nothing but this one measurement.
 *
 * QuickJS compares the address of a frame with a limit. In wasm that address is a place on the
 * shadow stack, where only those variables lie whose address is taken; everything else is on a
 * second stack that code cannot see and whose end is a trap. A function that recurses with
 * a small shadow frame (the JSON reader, most of the parser) would reach that end long before the
 * limit. So each frame that asks how deep it is takes FRAME_BYTES of shadow stack: then a limit on
 * the one stack is a limit on the other, at a ratio that the tests of the engine measure.
 */
#ifndef PARTYKIT_FRAME_H
#define PARTYKIT_FRAME_H

#define FRAME_BYTES 512

static inline __attribute__((always_inline)) void *partykit_frame(void)
{
    char frame[FRAME_BYTES];
    /* The compiler must believe that somebody uses the bytes. */
    __asm__ volatile("" : : "r"(frame) : "memory");
    return frame;
}

#define __builtin_frame_address(level) partykit_frame()

#endif
