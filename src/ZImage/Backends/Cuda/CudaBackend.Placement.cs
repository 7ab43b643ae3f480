using System.Runtime.CompilerServices;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    // Of whoever places weights without saying whose they are.
    private readonly WeightArena ownWeights;
    private WeightArena arena;
    private UploadQueue? uploads;

    /// <inheritdoc/>
    /// <remarks>Weights are copied by other threads while the caller goes on: their host memory must stay as it is until <see cref="Synchronize"/>.</remarks>
    public IDisposable BeginPlacement() => arena = new WeightArena(memory, FlushQuietly);

    /// <inheritdoc/>
    public Tensor PlaceVector(Tensor host)
    {
        CheckHostWeight(host);
        return Place(host, DType.F32, host.Shape);
    }

    /// <inheritdoc/>
    public Tensor PlaceTable(Tensor host)
    {
        CheckHostWeight(host);
        return host.Shape.Rank == 2
            ? Place(host, host.DType, host.Shape)
            : throw new ArgumentException($"A table is a matrix [rows, width], not {host}.", nameof(host));
    }

    /// <inheritdoc/>
    /// <remarks>
    /// The parts become one matrix of the activation type: stored BF16 stays as it is on a BF16 backend, F16 and F32 are rounded to nearest even there,
    /// and everything is widened on an F32 backend. Beside the F32 bias lies a copy in the activation type, which products add.
    /// </remarks>
    public LinearWeight PlaceLinear(ReadOnlySpan<Tensor> parts, Tensor bias = default)
    {
        int outputs = 0;
        foreach (Tensor part in parts)
        {
            CheckHostWeight(part, nameof(parts));
            if (part.Shape.Rank != 2 || part.Shape[1] != parts[0].Shape[1])
            {
                throw new ArgumentException($"A part of a linear layer is a matrix [out, in]; {part} does not stack with {parts[0]}.", nameof(parts));
            }

            outputs = checked(outputs + part.Shape[0]);
        }

        if (outputs == 0)
        {
            throw new ArgumentException("A linear layer has at least one part and one output.", nameof(parts));
        }

        Tensor matrix = Take(ActivationType, new Shape(outputs, parts[0].Shape[1]));
        nint destination = matrix.Address;
        foreach (Tensor part in parts)
        {
            Send(part, ActivationType, destination);
            destination += (nint)(part.Count * ActivationType.SizeBytes());
        }

        return new LinearWeight([matrix], bias.IsEmpty ? default : PlaceBias(bias, outputs));
    }

    /// <inheritdoc/>
    /// <remarks>The weight gets the activation type, as that of a linear layer does.</remarks>
    public ConvWeight PlaceConv(Tensor weight, Tensor bias)
    {
        CheckHostWeight(weight);
        if (weight.Shape.Rank != 4 || weight.Shape[2] != weight.Shape[3] || weight.Shape[2] is not (1 or 3))
        {
            throw new ArgumentException($"The weight of a convolution is [out, in, k, k] with k 1 or 3, not {weight}.", nameof(weight));
        }

        (int outputs, int inputs, int kernel) = (weight.Shape[0], weight.Shape[1], weight.Shape[2]);
        if (bias.IsEmpty || bias.Count != outputs)
        {
            throw new ArgumentException($"The bias of a convolution {weight} has {outputs} elements, not {(bias.IsEmpty ? "none" : bias)}.", nameof(bias));
        }

        Tensor placed = Take(ActivationType, new Shape(outputs, kernel, kernel, inputs));
        if (kernel == 1)
        {
            Send(weight, ActivationType, placed.Address);
        }
        else
        {
            Send(weight, ActivationType, placed.Address, inputs, kernel * kernel);
        }

        return new ConvWeight(placed, PlaceVector(bias));
    }

    private Tensor PlaceBias(Tensor bias, int outputs)
    {
        CheckHostWeight(bias);
        if (bias.Count != outputs)
        {
            throw new ArgumentException($"The bias {bias} does not fit {outputs} output features.", nameof(bias));
        }

        if (ActivationType == DType.F32)
        {
            return Place(bias, DType.F32, new Shape(outputs));
        }

        Tensor rounded = Place(bias, ActivationType, new Shape(outputs));
        long bytes = (long)outputs * sizeof(float);
        (TensorStorage block, long offset) = arena.Take(bytes);
        DeviceSlice slice = new(block, offset, bytes) { Rounded = rounded.Address };
        Send(bias, DType.F32, slice.Address);
        return new Tensor(slice, DType.F32, new Shape(outputs));
    }

    private Tensor Place(Tensor host, DType type, Shape shape)
    {
        Tensor placed = Take(type, shape);
        Send(host, type, placed.Address);
        return placed;
    }

    private Tensor Take(DType type, Shape shape)
    {
        long bytes = shape.Count * type.SizeBytes();
        (TensorStorage block, long offset) = arena.Take(bytes);
        return new Tensor(new DeviceSlice(block, offset, bytes), type, shape);
    }

    private void Send(Tensor host, DType type, nint destination, int inputs = 0, int taps = 0)
    {
        if (taps > 0 || !TryGenerate(host, type, destination))
        {
            (uploads ??= new UploadQueue(device)).Add(host, type, destination, inputs, taps);
        }
    }

    /// <summary>Waits for copies into memory that is about to be freed; what failed there no longer matters.</summary>
    private void FlushQuietly()
    {
        try
        {
            uploads?.Flush();
        }
        catch (ZImageException)
        {
            // Told already, or about weights that are given up.
        }
    }

    private static void CheckHostWeight(Tensor tensor, string name = "host", [CallerMemberName] string caller = "")
    {
        if (tensor.IsEmpty || !tensor.Storage.IsHost || !tensor.DType.IsWeightType() || !tensor.IsDense)
        {
            throw new ArgumentException($"{caller} takes a dense host tensor in F32, F16 or BF16, not {(tensor.IsEmpty ? "an empty one" : tensor)}.", name);
        }
    }
}
