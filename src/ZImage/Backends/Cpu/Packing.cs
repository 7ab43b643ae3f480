using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

/// <summary>Some columns of B = Wᵀ: rows of a weight matrix in one stored type.</summary>
/// <param name="Address">First element.</param>
/// <param name="RowBytes">Bytes from one row to the next.</param>
/// <param name="Type">Stored type.</param>
/// <param name="End">The column of the product after the last one of this part.</param>
internal readonly unsafe record struct WeightPart(nint Address, nint RowBytes, DType Type, int End);

/// <summary>Turns operands into the layouts that <see cref="IGemmKernel"/> reads.</summary>
internal static unsafe class Packing
{
    /// <summary>
    /// Packs columns <paramref name="column"/> .. + Columns of B = Wᵀ, depth <paramref name="k"/> .. + <paramref name="depth"/>, into a panel,
    /// widened to F32. Columns from <paramref name="columns"/> on are zero.
    /// </summary>
    /// <param name="parts">The parts of W, stacked; the last one ends at <paramref name="columns"/>.</param>
    /// <param name="column">First column.</param>
    /// <param name="columns">Columns of B.</param>
    /// <param name="k">First element of the inner dimension.</param>
    /// <param name="depth">1 .. <see cref="GemmLayout.Depth"/>.</param>
    /// <param name="rows">Scratch [Columns, <see cref="GemmLayout.Stride"/>].</param>
    /// <param name="panel">[depth rounded up to 16, Columns].</param>
    public static void Panel<TKernel>(WeightPart* parts, int column, int columns, int k, int depth, float* rows, float* panel)
        where TKernel : struct, IGemmKernel
    {
        int start = 0;
        while (column >= parts->End)
        {
            start = parts->End;
            parts++;
        }

        // All columns from one part and no remainder: straight from the stored rows.
        if (column + TKernel.Columns <= parts->End && (depth & 31) == 0)
        {
            byte* first = (byte*)parts->Address + ((column - start) * parts->RowBytes);
            if (parts->Type == DType.F32)
            {
                TKernel.Transpose((float*)first + k, parts->RowBytes / sizeof(float), depth, panel);
                return;
            }

            if (parts->Type == DType.BF16 && TKernel.TryTransposeBFloat16((ushort*)first + k, parts->RowBytes / sizeof(ushort), depth, panel))
            {
                return;
            }
        }

        for (int i = 0; i < TKernel.Columns; i++, column++)
        {
            float* row = rows + (i * GemmLayout.Stride);
            if (column >= columns)
            {
                new Span<float>(row, depth).Clear();
                continue;
            }

            while (column >= parts->End)
            {
                start = parts->End;
                parts++;
            }

            Widen((byte*)parts->Address + ((column - start) * parts->RowBytes), parts->Type, k, depth, row);
        }

        TKernel.Transpose(rows, GemmLayout.Stride, depth, panel);
    }

    /// <summary>Widens <paramref name="count"/> elements of a stored row, from element <paramref name="first"/> on.</summary>
    public static void Widen(byte* row, DType type, int first, int count, float* to)
    {
        switch (type)
        {
            case DType.F32:
                Copy((float*)row + first, count, to);
                break;
            case DType.BF16:
                WidenBFloat16((ushort*)row + first, count, to);
                break;
            default:
                WidenHalf((ushort*)row + first, count, to);
                break;
        }
    }

    /// <summary>Copies floats. The runs are short, so this beats a call of the general copy.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Copy(float* from, int count, float* to)
    {
        int i = 0;
        for (; i <= count - (2 * Vector<float>.Count); i += 2 * Vector<float>.Count)
        {
            Vector<float> a = Vector.Load(from + i), b = Vector.Load(from + i + Vector<float>.Count);
            a.Store(to + i);
            b.Store(to + i + Vector<float>.Count);
        }

        for (; i < count; i++)
        {
            to[i] = from[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WidenBFloat16(ushort* from, int count, float* to)
    {
        int i = 0;
        for (; i <= count - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Prefetch(from + i + GemmLayout.Depth);
            Vector.Widen(Vector.Load(from + i), out Vector<uint> low, out Vector<uint> high);
            Vector.AsVectorSingle(low << 16).Store(to + i);
            Vector.AsVectorSingle(high << 16).Store(to + i + Vector<float>.Count);
        }

        for (; i < count; i++)
        {
            to[i] = (float)new BFloat16(from[i]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WidenHalf(ushort* from, int count, float* to)
    {
        int i = 0;
        for (; i <= count - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Prefetch(from + i + GemmLayout.Depth);
            Vector.Widen(Vector.Load(from + i), out Vector<uint> low, out Vector<uint> high);
            HalfToSingle(low).Store(to + i);
            HalfToSingle(high).Store(to + i + Vector<float>.Count);
        }

        for (; i < count; i++)
        {
            to[i] = (float)BitConverter.UInt16BitsToHalf(from[i]);
        }
    }

    // The fraction and exponent move into place and the exponent's bias is corrected from 15 to 127; exponent 31 (infinity, NaN) becomes 255.
    // A subnormal gets an exponent first and has its value taken off again, which normalises it exactly.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> HalfToSingle(Vector<uint> half)
    {
        Vector<uint> sign = (half & new Vector<uint>(0x8000u)) << 16;
        Vector<uint> bits = (half & new Vector<uint>(0x7FFFu)) << 13;
        Vector<uint> exponent = bits & new Vector<uint>(0x0F80_0000u);
        Vector<uint> special = Vector.Equals(exponent, new Vector<uint>(0x0F80_0000u));
        Vector<uint> subnormal = Vector.Equals(exponent, Vector<uint>.Zero);
        Vector<uint> normal = bits + new Vector<uint>(112u << 23) + (special & new Vector<uint>(112u << 23));
        Vector<float> shifted = Vector.AsVectorSingle(normal + new Vector<uint>(1u << 23)) - new Vector<float>(6.103515625e-05f);
        return Vector.AsVectorSingle(Vector.ConditionalSelect(subnormal, Vector.AsVectorUInt32(shifted), normal) | sign);
    }

    // The rows of a panel are read in runs too short for the hardware to foresee the next one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(ushort* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
        }
    }
}
