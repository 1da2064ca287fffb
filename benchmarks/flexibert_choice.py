"""Choose a proxy on half of FlexiBERT's classes, report it once on the other half."""
import json,sys
import numpy as np
from nasproxy import benchmarks
from nasproxy.ranking import agreement
from nasproxy.spaces.flexibert import FlexiBERT
space=FlexiBERT(); table=benchmarks.get('flexibert'); y=table.lookup(table.architectures,'glue')
rows=json.load(open('/work/wt/wpca/runs/features.json'))
arch=[space.parse(t) for t in table.architectures]
func=[space.canonical(a) for a in arch]; st=np.array([space.stratum(a) for a in arch])
classes=sorted(set(func)); rng=np.random.default_rng(2026); perm=rng.permutation(len(classes))
half={classes[i] for i in perm[:len(classes)//2]}
A=np.array([f in half for f in func])
N=[r['nodes'] for r in rows]
S={k:np.array([np.sum(n[k]) for n in N]) for k in N[0]}
C={}
P=np.log(S['params'])
for k in S:
    if k!='params': C[k]=S[k]; C['params*'+k]=P+np.log(S[k]); C['-'+k]=-S[k]; C['params/'+k]=P-np.log(S[k])
for k in ('context_entropy','value_entropy','narrowing_entropy','ffn_entropy_all','head_confidence','softmax_confidence'):
    for e in (2,4,8):
        C[f'params*{k}^{e}']=P+e*np.log(S[k]); C[f'params*{k}^-{e}']=P-e*np.log(S[k])
C['params']=P
def within(c,m):
    out=[]
    for s in np.unique(st):
        k=m&(st==s)
        try: out.append(agreement(c[k],y[k],resamples=1000).kendall)
        except Exception: out.append(None)
    return out
def score(c,m):
    w=within(c,m); return np.mean([0 if v is None else v.value for v in w])
best=sorted(C,key=lambda k:-score(C[k],A))
print('classes',len(classes),'half',A.sum(),(~A).sum(),'candidates',len(C))
for k in best[:5]: print('chosen-half',k,round(score(C[k],A),3),[None if v is None else round(v.value,3) for v in within(C[k],A)])
print('params on chosen half',[round(v.value,3) for v in within(P,A)])
k=best[0]
print('OTHER HALF',k,[(round(v.value,3),round(v.low,3),round(v.high,3)) if v else None for v in within(C[k],~A)])
