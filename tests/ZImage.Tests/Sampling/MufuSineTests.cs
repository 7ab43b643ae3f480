using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using NUnit.Framework;
using ZImage.Sampling;

namespace ZImage.Tests.Sampling;

public sealed class MufuSineTests
{
    [Test]
    public void Quarter_turn_is_what_an_H200_gives_for_all_8388608_operands()
    {
        // SHA-256 of the 2^23 little-endian float32 results of MUFU.SIN for i * 2^-25, measured on an H200 (CUDA 13.0).
        float[] table = new float[MufuSine.Quarter];
        Vector256<int> lanes = Vector256.Create(0, 1, 2, 3, 4, 5, 6, 7);
        for (int i = 0; i < table.Length; i += 8)
        {
            MufuSine.FirstQuarter(Vector256.Create(i) + lanes).CopyTo(table, i);
        }

        string hash = Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<float>(table)));
        Assert.That(hash, Is.EqualTo("57676af4861bf1ab7f9ee4cb0875a4e1abb7725e77fa0016a38c8a233c875ce6"));
    }

    [Test]
    public void Sine_and_cosine_keep_to_NVIDIAs_error_bounds()
    {
        // CUDA C++ Programming Guide, intrinsic functions: for x in [-pi, pi] the largest absolute error of __sinf is 2^-21.41, of __cosf 2^-21.19.
        double sineError = 0;
        double cosineError = 0;
        for (int i = 0; i <= 100_000; i++)
        {
            float angle = (float)(Math.PI * i / 100_000);
            angle = MathF.Min(angle, MathF.BitDecrement(MathF.PI));
            (Vector256<float> sine, Vector256<float> cosine) = MufuSine.SinCos(Vector256.Create(angle));
            sineError = Math.Max(sineError, Math.Abs(sine[3] - Math.Sin(angle)));
            cosineError = Math.Max(cosineError, Math.Abs(cosine[3] - Math.Cos(angle)));
        }

        TestContext.Out.WriteLine($"largest errors 2^{Math.Log2(sineError):F2} and 2^{Math.Log2(cosineError):F2}");
        Assert.That(sineError, Is.LessThanOrEqualTo(Math.Pow(2, -21.41)));
        Assert.That(cosineError, Is.LessThanOrEqualTo(Math.Pow(2, -21.19)));
    }

    [TestCase(0f, 0f, 1f)]
    [TestCase(1.5707964f, 1f, 0f)]
    [TestCase(6.2831855f, -1.8726132e-7f, 1f)] // float(2 pi) is just less than a turn after the cut: the table's entry 1
    [TestCase(6.283186f, 0f, 1f)]
    public void Turn_begins_and_ends_at_exact_values(float angle, float expectedSine, float expectedCosine)
    {
        (Vector256<float> sine, Vector256<float> cosine) = MufuSine.SinCos(Vector256.Create(angle));
        Assert.That((sine[0], cosine[0]), Is.EqualTo((expectedSine, expectedCosine)));
    }
}
