#include "textflag.h"

// A byte's class is low[its low four bits] AND high[its high four bits]: the
// bytes of one half of the bits share a bit with none of the other's but their
// own. A byte above 127 finds nothing in the first table.

DATA low<>+0(SB)/8, $0x0008040000000001
DATA low<>+8(SB)/8, $0x0000102000020000
DATA low<>+16(SB)/8, $0x0008040000000001
DATA low<>+24(SB)/8, $0x0000102000020000
GLOBL low<>(SB), RODATA|NOPTR, $32

DATA high<>+0(SB)/8, $0x00002000100c0003
DATA high<>+8(SB)/8, $0x0000000000000000
DATA high<>+16(SB)/8, $0x00002000100c0003
DATA high<>+24(SB)/8, $0x0000000000000000
GLOBL high<>(SB), RODATA|NOPTR, $32

DATA nibble<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL nibble<>(SB), RODATA|NOPTR, $8

// func indexClassAVX2(text []byte, classes uint8) int
TEXT ·indexClassAVX2(SB), NOSPLIT, $0-40
	MOVQ text_base+0(FP), SI
	MOVQ text_len+8(FP), CX
	ANDQ $~31, CX
	XORQ AX, AX
	VMOVDQU low<>(SB), Y1
	VMOVDQU high<>(SB), Y2
	VPBROADCASTQ nibble<>(SB), Y3
	VPBROADCASTB classes+24(FP), Y4
	VPAND Y4, Y1, Y1
	VPXOR Y5, Y5, Y5

loop:
	CMPQ AX, CX
	JGE  done
	VMOVDQU (SI)(AX*1), Y6
	VPSRLW  $4, Y6, Y7
	VPAND   Y3, Y7, Y7
	VPSHUFB Y6, Y1, Y8
	VPSHUFB Y7, Y2, Y9
	VPAND   Y8, Y9, Y9
	VPTEST  Y9, Y9
	JNZ     found
	ADDQ    $32, AX
	JMP     loop

found:
	VPCMPEQB  Y5, Y9, Y9
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
