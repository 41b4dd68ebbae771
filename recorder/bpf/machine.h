/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What differs between machines: the ABI and number of a call, and arguments in registers. */
#ifndef RECORDER_MACHINE_H
#define RECORDER_MACHINE_H

#define NO_CALL 0xffffffff /* of registers that rt_sigreturn put back: what returns is no call's result */

#if defined(__TARGET_ARCH_x86)
#define TS_COMPAT 0x0002 /* arch/x86/include/asm/thread_info.h */
#define USER32_CS 0x23 /* arch/x86/include/asm/segment.h */
#define X32_BIT 0x40000000 /* arch/x86/include/uapi/asm/unistd.h */
static __always_inline __u32 abi_of(struct task_struct *task)
{
	return task->thread_info.status & TS_COMPAT ? COMPAT : NATIVE;
}
/* Outside of a call, too; under Xen the selector has higher bits. */
static __always_inline bool is_32_bit(struct task_struct *task, struct pt_regs *registers)
{
	return (BPF_CORE_READ(registers, cs) & 0xff) == USER32_CS;
}
static __always_inline __u32 number_of(struct pt_regs *regs)
{
	return regs->orig_ax;
}
#define ARGUMENT_1(registers) ((registers)->di)
#define ARGUMENT_2(registers) ((registers)->si)
#define ARGUMENT_3(registers) ((registers)->dx)
#define ARGUMENT_4(registers) ((registers)->cx)
#define ARGUMENT_5(registers) ((registers)->r8)
#define CALL_ARGUMENT_4(registers) ((registers)->r10) /* of a system call, which needs cx itself */
#define RETURNED(registers) ((registers)->ax)
#define STACK_AT_RETURN(registers) ((registers)->sp - 8) /* as it was at the entry: the return address is gone */
#define FIRST_AT_EXIT(registers) ((registers)->di)
#elif defined(__TARGET_ARCH_arm64)
#define TIF_32BIT 22 /* arch/arm64/include/asm/thread_info.h */
static __always_inline __u32 abi_of(struct task_struct *task)
{
	return task->thread_info.flags >> TIF_32BIT & 1 ? COMPAT : NATIVE;
}
static __always_inline bool is_32_bit(struct task_struct *task, struct pt_regs *registers)
{
	return abi_of(task) == COMPAT;
}
static __always_inline __u32 number_of(struct pt_regs *regs)
{
	return regs->syscallno;
}
#define ARGUMENT_1(registers) ((registers)->regs[0])
#define ARGUMENT_2(registers) ((registers)->regs[1])
#define ARGUMENT_3(registers) ((registers)->regs[2])
#define ARGUMENT_4(registers) ((registers)->regs[3])
#define ARGUMENT_5(registers) ((registers)->regs[4])
#define CALL_ARGUMENT_4(registers) ARGUMENT_4(registers)
#define RETURNED(registers) ((registers)->regs[0])
#define STACK_AT_RETURN(registers) ((registers)->sp)
#define FIRST_AT_EXIT(registers) ((registers)->orig_x0)
#endif

#endif
