using System.Runtime.InteropServices;

namespace ZImage.Tensors;

/// <summary>Copies tensors in host memory to floats.</summary>
public static class HostFloats
{
    /// <summary>The elements of <paramref name="tensor"/>, row-major without gaps; F16 and BF16 are widened exactly.</summary>
    /// <param name="tensor">F32, F16 or BF16 in host memory; rows may have gaps, and the address need not be aligned.</param>
    /// <exception cref="ArgumentException">Device memory, or another type.</exception>
    public static unsafe float[] Copy(Tensor tensor)
    {
        if (!tensor.Storage.IsHost || !tensor.DType.IsWeightType())
        {
            throw new ArgumentException($"{tensor} is not F32, F16 or BF16 in host memory.", nameof(tensor));
        }

        float[] values = new float[tensor.Count];
        int length = tensor.RowLength;
        long rowBytes = (long)tensor.RowStride * tensor.DType.SizeBytes();
        for (int row = 0; row < tensor.RowCount; row++)
        {
            byte* source = (byte*)tensor.Address + (row * rowBytes);
            Span<float> destination = values.AsSpan(checked((int)((long)row * length)), length);
            if (tensor.DType == DType.F32)
            {
                new ReadOnlySpan<byte>(source, length * 4).CopyTo(MemoryMarshal.AsBytes(destination));
                continue;
            }

            for (int i = 0; i < length; i++)
            {
                ushort bits = (ushort)(source[2 * i] | (source[(2 * i) + 1] << 8));
                destination[i] = tensor.DType == DType.BF16 ? new BFloat16(bits).ToSingle() : (float)BitConverter.UInt16BitsToHalf(bits);
            }
        }

        GC.KeepAlive(tensor.Storage);
        return values;
    }
}
