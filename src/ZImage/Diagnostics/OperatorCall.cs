using ZImage.Tensors;

namespace ZImage.Diagnostics;

/// <summary>One call of an operator of <see cref="Backends.IBackend"/>, and the work that its shapes ask for.</summary>
/// <param name="Operator">Name of the method.</param>
/// <param name="Shape">What decides its cost, such as [rows, out, in] of a linear layer.</param>
/// <param name="Flop">Floating-point operations of its products; a multiply-add counts two. 0 for an operator that only moves data.</param>
/// <param name="Bytes">The fewest bytes that it moves: each input read once, each output written once.</param>
internal readonly record struct OperatorCall(string Operator, Shape Shape, long Flop, long Bytes);

/// <summary>Sees every operator of an <see cref="ObservedBackend"/>, on its thread.</summary>
internal interface IOperatorObserver
{
    /// <summary>Before the operator.</summary>
    void Before(in OperatorCall call);

    /// <summary>After its call returned; a device may not have run it yet.</summary>
    void After(in OperatorCall call);
}
