using NUnit.Framework;
using ZImage.Backends;
using ZImage.Backends.Cpu;
using ZImage.Diagnostics;
using ZImage.Tensors;

namespace ZImage.Tests.Diagnostics;

public sealed class OperatorCheckTests
{
    private static IEnumerable<string> Names => OperatorCheck.All.Select(check => check.Name);

    [Test]
    public void Every_operator_of_the_interface_has_a_check()
    {
        // What computes: the methods that take an activation and give nothing back, without the transfers.
        string[] operators =
        [
            .. typeof(IBackend).GetMethods()
                .Where(method => method.ReturnType == typeof(void) && method.GetParameters().Any(parameter => parameter.ParameterType == typeof(Tensor)))
                .Select(method => method.Name)
                .Where(name => name is not ("Upload" or "Download")),
        ];

        Assert.That(operators, Is.Not.Empty.And.SubsetOf(OperatorCheck.All.Select(check => check.Name.Split(' ', ',')[0])));
    }

    [TestCaseSource(nameof(Names))]
    public void One_thread_and_several_agree(string name)
    {
        using CpuBackend one = new(1);
        using CpuBackend several = new(3);
        OperatorCheck check = OperatorCheck.All.Single(candidate => candidate.Name == name);

        for (int seed = 0; seed < 3; seed++)
        {
            OperatorAgreement agreement = check.Compare(several, one, seed);
            Assert.That(agreement.Passes, Is.True, $"seed {seed}: {agreement}");
        }
    }

    [Test]
    public void A_wrong_result_does_not_pass()
    {
        using CpuBackend cpu = new(1);
        OperatorCheck right = OperatorCheck.All.Single(check => check.Name == "Silu");
        using ObservedBackend wrong = new(new CpuBackend(1), new Spoiler());

        Assert.That(right.Compare(wrong, cpu, 1).Passes, Is.True, "an observer changes nothing");
        OperatorCheck spoilt = right with { Run = scene => { scene.Keep([ReferenceEquals(scene.Backend, cpu) ? 1f : 1.01f]); } };
        Assert.That(spoilt.Compare(wrong, cpu, 1).Passes, Is.False);
        OperatorCheck invalid = right with { Run = scene => { scene.Keep([ReferenceEquals(scene.Backend, cpu) ? 1f : float.NaN]); } };
        Assert.That(invalid.Compare(wrong, cpu, 1).Passes, Is.False);
    }

    private sealed class Spoiler : IOperatorObserver
    {
        public void Before(in OperatorCall call)
        {
        }

        public void After(in OperatorCall call)
        {
        }
    }
}
