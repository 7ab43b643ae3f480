using System.Numerics;
using System.Runtime.CompilerServices;
using ZImage.Tensors;

namespace ZImage.Weights;

/// <summary>Looks for NaN and infinity in weights: the first thing to know when a picture comes out black.</summary>
public static unsafe class WeightCheck
{
    private const long BlockElements = 1 << 20;

    /// <summary>The names of the tensors with an element that is NaN or infinite, in the order given.</summary>
    /// <param name="tensors">Dense host tensors; those that are not F32, F16 or BF16 are passed over.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    /// <exception cref="ArgumentException">Device memory, or rows with gaps.</exception>
    /// <exception cref="OperationCanceledException">The search was stopped.</exception>
    public static IReadOnlyList<string> FindNonFinite(IReadOnlyList<KeyValuePair<string, Tensor>> tensors, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        List<(int Tensor, long Start, long Count)> blocks = [];
        for (int i = 0; i < tensors.Count; i++)
        {
            Tensor tensor = tensors[i].Value;
            if (tensor.IsEmpty || !tensor.DType.IsWeightType())
            {
                continue;
            }

            if (!tensor.Storage.IsHost || !tensor.IsDense)
            {
                throw new ArgumentException($"'{tensors[i].Key}', {tensor}, is not dense host memory.", nameof(tensors));
            }

            for (long start = 0; start < tensor.Count; start += BlockElements)
            {
                blocks.Add((i, start, Math.Min(BlockElements, tensor.Count - start)));
            }
        }

        bool[] bad = new bool[tensors.Count];
        Parallel.For(0, blocks.Count, new ParallelOptions { CancellationToken = cancellationToken }, i =>
        {
            (int index, long start, long count) = blocks[i];
            if (!Volatile.Read(ref bad[index]) && HasNonFinite(tensors[index].Value, start, count))
            {
                Volatile.Write(ref bad[index], true);
            }
        });
        return [.. tensors.Where((_, i) => bad[i]).Select(pair => pair.Key)];
    }

    private static bool HasNonFinite(Tensor tensor, long start, long count)
    {
        // The exponent bits are all ones exactly for NaN and infinity, in every one of the three types.
        byte* from = tensor.Pointer<byte>() + (start * tensor.DType.SizeBytes());
        bool found = tensor.DType switch
        {
            DType.F32 => AnyHasAll<uint>(from, count, 0x7F80_0000),
            DType.BF16 => AnyHasAll<ushort>(from, count, 0x7F80),
            _ => AnyHasAll<ushort>(from, count, 0x7C00),
        };
        GC.KeepAlive(tensor.Storage);
        return found;
    }

    /// <summary>Whether an element has all bits of <paramref name="mask"/>; the address need not be aligned.</summary>
    private static bool AnyHasAll<T>(byte* from, long count, T mask)
        where T : unmanaged, IBinaryInteger<T>
    {
        Vector<T> masks = new(mask);
        long i = 0;
        for (; i <= count - Vector<T>.Count; i += Vector<T>.Count)
        {
            Vector<T> values = Unsafe.ReadUnaligned<Vector<T>>(from + (i * sizeof(T)));
            if (Vector.EqualsAny(values & masks, masks))
            {
                return true;
            }
        }

        for (; i < count; i++)
        {
            if ((Unsafe.ReadUnaligned<T>(from + (i * sizeof(T))) & mask) == mask)
            {
                return true;
            }
        }

        return false;
    }
}
