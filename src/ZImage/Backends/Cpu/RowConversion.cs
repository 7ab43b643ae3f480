using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

/// <summary>Copies a row between the weight types; rounding is to nearest even.</summary>
internal static unsafe class RowConversion
{
    /// <summary>Copies <paramref name="count"/> elements. The ranges do not overlap.</summary>
    public static void Copy(void* source, DType from, void* destination, DType to, int count)
    {
        if (from == to)
        {
            long bytes = (long)count * from.SizeBytes();
            Buffer.MemoryCopy(source, destination, bytes, bytes);
        }
        else if (to == DType.F32)
        {
            Widen(source, from, (float*)destination, count);
        }
        else if (from == DType.F32)
        {
            Narrow((float*)source, destination, to, count);
        }
        else
        {
            // Between the two 16-bit types by way of F32, a piece at a time.
            Piece piece = default;
            float* floats = (float*)&piece;
            for (int i = 0; i < count; i += Piece.Length)
            {
                int part = Math.Min(Piece.Length, count - i);
                Widen((ushort*)source + i, from, floats, part);
                Narrow(floats, (ushort*)destination + i, to, part);
            }
        }
    }

    private static void Widen(void* source, DType from, float* destination, int count)
    {
        if (from == DType.F16)
        {
            TensorPrimitives.ConvertToSingle(new ReadOnlySpan<Half>(source, count), new Span<float>(destination, count));
            return;
        }

        ushort* bits = (ushort*)source;
        for (int i = 0; i < count; i++)
        {
            ((uint*)destination)[i] = (uint)bits[i] << 16;
        }
    }

    private static void Narrow(float* source, void* destination, DType to, int count)
    {
        if (to == DType.F16)
        {
            TensorPrimitives.ConvertToHalf(new ReadOnlySpan<float>(source, count), new Span<Half>(destination, count));
            return;
        }

        for (int i = 0; i < count; i++)
        {
            ((BFloat16*)destination)[i] = (BFloat16)source[i];
        }
    }

    [InlineArray(Length)]
    private struct Piece
    {
        public const int Length = 256;

        private float first;
    }
}
