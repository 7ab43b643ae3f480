using ZImage.Tensors;

namespace ZImage.Backends;

/// <summary>
/// The weight of one linear layer, y = x·Wᵀ + b, as the backend holds it: stored type and, where the layer is several checkpoint tensors
/// evaluated as one product (q, k, v; w1, w3), its parts stacked along the output features.
/// </summary>
public sealed class LinearWeight
{
    /// <summary>Creates the weight from its parts.</summary>
    /// <param name="parts">Matrices [out_i, in] of one stored type, stacked in this order.</param>
    /// <param name="bias">[Σ out_i] F32, or the empty tensor.</param>
    /// <exception cref="ArgumentException">No part, or parts that do not fit each other or the bias.</exception>
    public LinearWeight(IReadOnlyList<Tensor> parts, Tensor bias = default)
    {
        ArgumentNullException.ThrowIfNull(parts);
        if (parts.Count == 0)
        {
            throw new ArgumentException("A linear layer has at least one part.", nameof(parts));
        }

        Parts = parts;
        Bias = bias;
        InFeatures = parts[0].Shape[1];
        foreach (Tensor part in parts)
        {
            if (part.Shape.Rank != 2 || part.Shape[1] != InFeatures || !part.DType.IsWeightType())
            {
                throw new ArgumentException($"{part} does not stack with {parts[0]}.", nameof(parts));
            }

            OutFeatures += part.Shape[0];
        }

        if (!bias.IsEmpty && (bias.DType != DType.F32 || bias.Count != OutFeatures))
        {
            throw new ArgumentException($"The bias {bias} does not fit {OutFeatures} output features.", nameof(bias));
        }
    }

    /// <summary>The matrices [out_i, in], stacked along the output features; their stored types may differ.</summary>
    public IReadOnlyList<Tensor> Parts { get; }

    /// <summary>[out] F32; empty where the layer has none.</summary>
    public Tensor Bias { get; }

    /// <summary>Length of an input row.</summary>
    public int InFeatures { get; }

    /// <summary>Length of an output row.</summary>
    public int OutFeatures { get; }
}

/// <summary>The weight of a convolution as the backend holds it: output channel, kernel row, kernel column, input channel.</summary>
/// <param name="Weight">[out, kernel, kernel, in] in the stored type.</param>
/// <param name="Bias">[out] F32.</param>
public sealed record ConvWeight(Tensor Weight, Tensor Bias)
{
    /// <summary>Output channels.</summary>
    public int OutChannels => Weight.Shape[0];

    /// <summary>Kernel height and width: 1 or 3.</summary>
    public int Kernel => Weight.Shape[1];

    /// <summary>Input channels.</summary>
    public int InChannels => Weight.Shape[3];
}
