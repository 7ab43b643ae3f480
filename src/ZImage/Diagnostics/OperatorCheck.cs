using ZImage.Backends;
using ZImage.Tensors;

namespace ZImage.Diagnostics;

/// <summary>How near two backends must come in an operator.</summary>
internal enum OperatorPrecision
{
    /// <summary>Rounded to the activation type once or twice.</summary>
    Activation,

    /// <summary>F32 on every backend.</summary>
    Float32,

    /// <summary>Only moves numbers.</summary>
    Exact,
}

/// <summary>What came out of comparing two backends.</summary>
/// <param name="Error">‖a - b‖ / ‖b‖; NaN where one of them is not finite.</param>
/// <param name="Bound">The most that counts as equal.</param>
internal readonly record struct OperatorAgreement(double Error, double Bound)
{
    /// <summary>Whether the two agree; not with NaN.</summary>
    public bool Passes => Error <= Bound;
}

/// <summary>Runs one operator on small random shapes and numbers, on two backends, and compares.</summary>
/// <param name="Name">The operator, and the case where there are several.</param>
/// <param name="Precision">How near the two must come.</param>
/// <param name="Run">Makes inputs from the scene, calls the operator, keeps the results.</param>
internal sealed partial record OperatorCheck(string Name, OperatorPrecision Precision, Action<OperatorScene> Run)
{
    /// <summary>Relative error of float32 arithmetic: the root of the tolerance that golden tests have.</summary>
    public const double Float32Bound = 1e-5;

    /// <summary>
    /// Two roundings to bfloat16, each off by at most 2^-9 of the value: inputs are exact, the sums are float32, and at most one value between (a
    /// probability, a product's input) is rounded beside the result.
    /// </summary>
    public const double BFloat16Bound = 1.0 / 256;

    /// <summary>Compares <paramref name="tested"/> with <paramref name="reference"/>.</summary>
    /// <param name="tested">The backend in question.</param>
    /// <param name="reference">The one that is believed, in F32.</param>
    /// <param name="seed">Decides shapes and numbers.</param>
    /// <exception cref="ArgumentException">One of the backends refuses the shape.</exception>
    public OperatorAgreement Compare(IBackend tested, IBackend reference, int seed)
    {
        float[] actual = Results(tested, seed);
        float[] expected = Results(reference, seed);
        if (actual.Length != expected.Length)
        {
            throw new InvalidOperationException($"{Name}: {actual.Length} results on {tested.Name}, {expected.Length} on {reference.Name}.");
        }

        double error = 0, signal = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            double difference = (double)actual[i] - expected[i];
            error += difference * difference;
            signal += (double)expected[i] * expected[i];
        }

        double bound = Precision switch
        {
            OperatorPrecision.Exact => 0,
            OperatorPrecision.Float32 => Float32Bound,
            _ => tested.ActivationType == DType.F32 ? Float32Bound : BFloat16Bound,
        };
        return new OperatorAgreement(signal > 0 ? Math.Sqrt(error / signal) : Math.Sqrt(error), bound);
    }

    private float[] Results(IBackend backend, int seed)
    {
        using OperatorScene scene = new(backend, new Random(seed));
        Run(scene);
        return scene.Results();
    }
}
