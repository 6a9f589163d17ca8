#include "textflag.h"

DATA nibble<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL nibble<>(SB), RODATA|NOPTR, $8

// LOOKUP sets to to the bits that the tables have for both halves of the bytes.
#define LOOKUP(from, low, high, to, spare) \
	VPSRLW  $4, from, spare;    \
	VPAND   Y6, from, to;       \
	VPAND   Y6, spare, spare;   \
	VPSHUFB to, low, to;        \
	VPSHUFB spare, high, spare; \
	VPAND   spare, to, to

// OWN is LOOKUP for the byte itself: what is of a class is below 128, and above
// that the first table is not asked.
#define OWN(from, to, spare) \
	VPSRLW  $4, from, spare;  \
	VPAND   Y6, spare, spare; \
	VPSHUFB from, Y2, to;     \
	VPSHUFB spare, Y3, spare; \
	VPAND   spare, to, to

// func indexAVX2(text []byte, h *[3]halves) int
TEXT ·indexAVX2(SB), NOSPLIT, $0-40
	MOVQ text_base+0(FP), SI
	MOVQ text_len+8(FP), CX
	MOVQ h+24(FP), DI
	SUBQ $33, CX // the last place of a block
	MOVQ $1, AX
	VBROADCASTI128 0(DI), Y0
	VBROADCASTI128 16(DI), Y1
	VBROADCASTI128 32(DI), Y2
	VBROADCASTI128 48(DI), Y3
	VBROADCASTI128 64(DI), Y4
	VBROADCASTI128 80(DI), Y5
	VPBROADCASTQ nibble<>(SB), Y6
	VPXOR Y7, Y7, Y7

loop:
	CMPQ AX, CX
	JG   done
	VMOVDQU (SI)(AX*1), Y8
	OWN(Y8, Y9, Y10)
	VPTEST Y9, Y9
	JNZ    near

next:
	ADDQ $32, AX
	JMP  loop

near:
	VMOVDQU -1(SI)(AX*1), Y11
	VMOVDQU 1(SI)(AX*1), Y12
	LOOKUP(Y11, Y0, Y1, Y13, Y10)
	VPAND  Y13, Y9, Y9
	LOOKUP(Y12, Y4, Y5, Y13, Y10)
	VPAND  Y13, Y9, Y9
	VPTEST Y9, Y9
	JZ     next

found:
	VPCMPEQB  Y7, Y9, Y9
	VPMOVMSKB Y9, DX
	NOTL      DX
	BSFL      DX, DX
	ADDQ      DX, AX

done:
	VZEROUPPER
	MOVQ AX, ret+32(FP)
	RET

// func detectAVX2() bool
TEXT ·detectAVX2(SB), NOSPLIT, $0-1
	MOVB $0, ret+0(FP)
	XORL AX, AX
	CPUID
	CMPL AX, $7
	JL   no
	MOVL $1, AX
	XORL CX, CX
	CPUID
	ANDL $0x18000000, CX // the system keeps wide registers; AVX
	CMPL CX, $0x18000000
	JNE  no
	XORL CX, CX
	XGETBV
	ANDL $6, AX
	CMPL AX, $6
	JNE  no
	MOVL $7, AX
	XORL CX, CX
	CPUID
	ANDL $0x20, BX
	JZ   no
	MOVB $1, ret+0(FP)

no:
	RET
