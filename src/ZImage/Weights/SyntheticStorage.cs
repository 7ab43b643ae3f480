using System.Runtime.InteropServices;
using System.Text;
using ZImage.Imaging;
using ZImage.Sampling;
using ZImage.Tensors;

namespace ZImage.Weights;

/// <summary>
/// A tensor of a synthetic checkpoint: bfloat16 values that follow from its name. They are made when the processor first asks for their
/// <see cref="Address"/>; a device that can draw them itself asks for <see cref="Seed"/>, <see cref="Scale"/> and <see cref="Shift"/> instead.
/// <code>value = bf16(shift + scale · r),  r = torch.randn(shape) of PyTorch's CUDA generator seeded with CRC32(name) + K</code>
/// </summary>
internal sealed unsafe class SyntheticStorage : TensorStorage
{
    private const float EmbeddingScale = 0.02f;
    private const float BiasScale = 0.02f;
    private const float NormScale = 0.1f;
    private const int ValuesPerTask = 1 << 16;

    private readonly Lock gate = new();
    private readonly int count;
    private nint memory;

    /// <summary>Describes a tensor; nothing is computed yet.</summary>
    /// <param name="name">The parameter's name in diffusers or transformers, without a part's prefix.</param>
    /// <param name="shape">Its extents; at most 2^29 elements.</param>
    /// <param name="number">The K of the checkpoint.</param>
    public SyntheticStorage(string name, Shape shape, long number)
        : base(0, shape.Count * sizeof(ushort))
    {
        count = checked((int)shape.Count);
        Seed = unchecked(Crc32.Compute(Encoding.UTF8.GetBytes(name), []) + (ulong)number);
        (Scale, Shift) = Distribution(name, shape);
    }

    /// <summary>Releases memory that nobody disposed.</summary>
    ~SyntheticStorage() => Dispose(false);

    /// <summary>Seed of the generator.</summary>
    public ulong Seed { get; }

    /// <summary>Factor of the normal numbers.</summary>
    public float Scale { get; }

    /// <summary>Added after scaling; 0 for none.</summary>
    public float Shift { get; }

    /// <summary>Whether the values are in host memory.</summary>
    public bool IsMaterialized => memory != 0;

    /// <summary>First byte in host memory; the first call makes the values.</summary>
    public override nint Address
    {
        get
        {
            if (memory == 0)
            {
                lock (gate)
                {
                    if (memory == 0)
                    {
                        memory = Materialize();
                    }
                }
            }

            return memory;
        }
    }

    /// <summary>Frees the host memory; the next use of <see cref="Address"/> makes the values again.</summary>
    public void Discard()
    {
        lock (gate)
        {
            NativeMemory.AlignedFree((void*)memory);
            memory = 0;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        NativeMemory.AlignedFree((void*)memory);
        memory = 0;
    }

    /// <summary>A matrix keeps the size of what goes through it, an embedding is small, a norm's weight is near 1, the rest is near 0.</summary>
    private static (float Scale, float Shift) Distribution(string name, Shape shape)
    {
        if (name.Contains("embed_tokens", StringComparison.Ordinal))
        {
            return (EmbeddingScale, 0);
        }

        if (shape.Rank >= 2 && shape[0] > 1)
        {
            // PyTorch's GPU division by a number is a product with its float32 reciprocal.
            return (1f / (float)Math.Sqrt(shape.Count / shape[0]), 0);
        }

        return shape.Rank == 1 && name.EndsWith("weight", StringComparison.Ordinal) ? (NormScale, 1) : (BiasScale, 0);
    }

    private nint Materialize()
    {
        float* normals = null;
        BFloat16* values = null;
        try
        {
            normals = (float*)NativeMemory.Alloc((nuint)count, sizeof(float));
            values = (BFloat16*)NativeMemory.AlignedAlloc(((nuint)count * sizeof(ushort)) + 64, 64);
        }
        catch (OutOfMemoryException exception)
        {
            NativeMemory.Free(normals);
            throw new HostMemoryException(Bytes + ((long)count * sizeof(float)), exception);
        }

        new TorchCudaGenerator(Seed) { MaxThreads = -1 }.Normal(new Span<float>(normals, count));
        (nint from, nint to) = ((nint)normals, (nint)values);
        Parallel.For(0, (count + ValuesPerTask - 1) / ValuesPerTask, task =>
        {
            int end = Math.Min(count, (task + 1) * ValuesPerTask);
            for (int i = task * ValuesPerTask; i < end; i++)
            {
                // Two roundings, and no sum without a shift: it would turn -0 into +0.
                float scaled = ((float*)from)[i] * Scale;
                ((BFloat16*)to)[i] = BFloat16.FromSingle(Shift == 0 ? scaled : Shift + scaled);
            }
        });
        NativeMemory.Free(normals);
        return to;
    }
}
